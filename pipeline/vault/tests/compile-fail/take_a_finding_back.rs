use frostglass_vault::Inspected;

fn uncover(inspected: &mut Inspected) {
    inspected.also.clear();
}

fn main() {}
