//! What the engine is to do wrong, as the four bytes by which a test tells a process that it can not reach otherwise.
//!
//! **Invariant.** Every order survives the way through its bytes; bytes that are no order are none.

/// Which networks the fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Those that find faces.
    Faces,
    /// Those that find persons.
    Persons,
    /// Each of them.
    All,
}

/// What goes wrong at a run of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It takes so many times as long as it does.
    Slow(u16),
    /// It does not come back until the order changes; then its answer is whole, and late.
    Hang,
    /// The engine says that it failed.
    Error,
    /// One number of each answer is none.
    Nan,
    /// Each number is random bits.
    Garbage,
    /// Each number is finite, random and immense.
    Wild,
    /// A face network sees a face in each of its cells, a person network a person at each of its anchors.
    Many,
    /// The first answer is given for the last, and the last for the first: numbers in the wrong shape.
    Swapped,
    /// It says that all went well and gives no answer, at which its bindings panic.
    Nothing,
    /// From this run on, the process gets hardly more memory than it has.
    Starve,
    /// The process ends then and there.
    Die,
}

/// A fault and whom it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which networks.
    pub whom: Whom,
    /// What goes wrong with them.
    pub fault: Fault,
}

/// All faults that need no number, in the order of their bytes.
const PLAIN: [Fault; 11] = [
    Fault::None,
    Fault::Hang,
    Fault::Error,
    Fault::Nan,
    Fault::Garbage,
    Fault::Wild,
    Fault::Many,
    Fault::Swapped,
    Fault::Nothing,
    Fault::Starve,
    Fault::Die,
];
const SLOW: u8 = 0xff;

impl Order {
    /// All is well.
    pub const NONE: Self = Self { whom: Whom::All, fault: Fault::None };

    /// As it is written into the file of orders.
    #[must_use]
    pub fn bytes(self) -> [u8; 4] {
        let whom = match self.whom {
            Whom::Faces => 1,
            Whom::Persons => 2,
            Whom::All => 3,
        };
        let (fault, [low, high]) = match self.fault {
            Fault::Slow(times) => (SLOW, times.to_le_bytes()),
            plain => (PLAIN.iter().position(|fault| *fault == plain).unwrap_or_default() as u8, [0; 2]),
        };
        [whom, fault, low, high]
    }

    /// The order that these bytes are; none when they are no order.
    #[must_use]
    pub fn read([whom, fault, low, high]: [u8; 4]) -> Self {
        let whom = match whom {
            1 => Whom::Faces,
            2 => Whom::Persons,
            3 => Whom::All,
            _ => return Self::NONE,
        };
        let fault = match fault {
            SLOW => Fault::Slow(u16::from_le_bytes([low, high])),
            plain => PLAIN.get(usize::from(plain)).copied().unwrap_or(Fault::None),
        };
        Self { whom, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_survives_the_way_through_its_bytes() {
        for whom in [Whom::Faces, Whom::Persons, Whom::All] {
            for fault in PLAIN.into_iter().chain([Fault::Slow(1), Fault::Slow(1000)]) {
                let order = Order { whom, fault };
                assert_eq!(Order::read(order.bytes()), order);
            }
        }
        assert_eq!(Order::read([0; 4]), Order::NONE, "a file that was just made");
        assert_eq!(Order::read([9; 4]), Order::NONE);
    }
}
