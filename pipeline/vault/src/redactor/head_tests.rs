use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_head_contains_its_face_box(
        x in 0.0f32..0.9, y in 0.0f32..0.9, w in 0.001f32..1.0, h in 0.001f32..1.0, margin in 0.0f32..4.0,
        width in 1u32..3000, height in 1u32..3000,
    ) {
        let face = Area::clipped(x, y, x + w, y + h).unwrap();
        let size = Size::new(width, height);
        let Head { centre, radius } = Head::around(face, margin, size);
        for corner in [[face.left(), face.top()], [face.right(), face.top()], [face.left(), face.bottom()], [face.right(), face.bottom()]] {
            let at = [corner[0] * width as f32, corner[1] * height as f32];
            let f: f32 = (0..2).map(|axis| ((at[axis] - centre[axis]).abs() / radius[axis]).powf(POWER)).sum();
            prop_assert!(f <= 1.0, "{f}");
        }
    }
}

proptest! {
    /// What is said to be hidden is in the round mask and in the block.
    #[test]
    fn what_a_mask_hides_for_certain_it_hides(
        x in 0.2f32..0.7, y in 0.3f32..0.7, w in 0.02f32..0.2, h in 0.02f32..0.2, margin in 0.0f32..2.0,
        across in -1.5f32..1.5, down in -1.5f32..1.5, width in 40u32..3000, height in 40u32..3000,
    ) {
        let face = Area::clipped(x, y, x + w, y + h).unwrap();
        let (centre, size) = ([x + w / 2.0, y + h / 2.0], [w, h]);
        let point = [centre[0] + across * w, centre[1] + down * h];
        prop_assume!(point.iter().all(|at| (0.0..=1.0).contains(at)));
        if mask_hides(centre, size, margin, point) {
            let pixels = Size::new(width, height);
            let Head { centre, radius } = Head::around(face, margin, pixels);
            let at = [point[0] * width as f32, point[1] * height as f32];
            let f: f32 = (0..2).map(|axis| ((at[axis] - centre[axis]).abs() / radius[axis]).powf(POWER)).sum();
            prop_assert!(f <= 1.001, "{f}");
            let block = grown(face, margin, UPWARD);
            prop_assert!(block.left() <= point[0] + 1e-4 && block.right() >= point[0] - 1e-4);
            prop_assert!(block.top() <= point[1] + 1e-4 && block.bottom() >= point[1] - 1e-4);
        }
    }
}

/// The top of a box that has grown is above the head.
#[test]
fn of_a_person_that_is_guessed_the_head_is_hidden_where_it_was_and_where_it_may_be() {
    let size = Size::new(1000, 1000);
    let policy = Policy { style: Style::Solid, persons: PersonRule::Head, margin: 0.5 };
    let area = |edges: [f32; 4]| Area::new(edges[0], edges[1], edges[2], edges[3]).unwrap();
    let (core, place) = (area([0.4, 0.3, 0.6, 0.9]), area([0.35, 0.15, 0.65, 1.0]));
    let also = [Also::Person(Suspect { core, place, face: None })];
    let hidden = |also: &[Also]| {
        let mut heads = Vec::new();
        shapes(&[], also, &policy, size, |_, head| heads.push(head));
        heads
    };
    let heads = hidden(&also);
    assert!(heads.iter().any(|head| head.top() < 0.16) && heads.iter().any(|head| head.bottom() > 0.43), "{heads:?}");
    let face =
        Detection { kind: Kind::Face, area: area([0.47, 0.32, 0.53, 0.4]), score: crate::detection::Score::SURE };
    assert_eq!(hidden(&[also[0], Also::Seen(face)]).len(), 1, "its face is known");
}

/// What is told beyond the findings uncovers nothing that they hide.
#[test]
fn a_face_that_is_told_does_not_stand_for_a_person_that_was_found() {
    let (size, score) = (Size::new(1000, 1000), crate::detection::Score::SURE);
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let seen = |kind, [left, top, right, bottom]: [f32; 4]| Detection {
        kind,
        area: Area::new(left, top, right, bottom).unwrap(),
        score,
    };
    let (person, face) = (seen(Kind::Person, [0.4, 0.1, 0.6, 0.9]), seen(Kind::Face, [0.47, 0.14, 0.53, 0.22]));
    let count = |found: &[Detection], also: &[Also]| {
        let mut shapes_found = 0;
        shapes(found, also, &policy, size, |_, _| shapes_found += 1);
        shapes_found
    };
    assert_eq!(count(&[person, face], &[]), 1);
    assert_eq!(count(&[person], &[Also::Seen(face)]), 2);
}

#[test]
fn a_found_face_stands_for_its_own_person_only() {
    let size = Size::new(1000, 1000);
    let seen = |kind, [left, top, right, bottom]: [f32; 4]| Detection {
        kind,
        area: Area::new(left, top, right, bottom).unwrap(),
        score: crate::detection::Score::new(0.9).unwrap(),
    };
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let (one, two) = (seen(Kind::Person, [0.1, 0.1, 0.3, 0.9]), seen(Kind::Person, [0.14, 0.12, 0.34, 0.9]));
    let face = seen(Kind::Face, [0.18, 0.12, 0.22, 0.17]);
    let count = |found: &[Detection]| {
        let mut found_shapes = Vec::new();
        shapes(found, &[], &policy, size, |shape, _| found_shapes.push(shape));
        found_shapes.len()
    };
    assert_eq!(count(&[one, face]), 1, "the face is this person's");
    assert_eq!(count(&[one, two, face]), 2, "the other one's head is still hidden");
    assert_eq!(count(&[one]), 1, "no face was found");
    assert_eq!(count(&[one, seen(Kind::Face, [0.18, 0.6, 0.22, 0.65])]), 2, "a face at the knees is another's");
    assert_eq!(count(&[one, seen(Kind::Face, [0.195, 0.12, 0.2, 0.125])]), 2, "a speck is no face of this size");
}

/// Of who sits, or is cut off below, the head is a larger share of the box: what is hidden reaches farther down.
#[test]
fn the_head_of_who_sits_or_is_cut_off_is_a_larger_share_of_the_box() {
    let size = Size::new(1000, 1000);
    let head = |width: f32| head_of(Area::new(0.2, 0.2, 0.2 + width, 0.7).unwrap(), size);
    let share = |head: Area| (head.bottom() - 0.2) / 0.5;
    let (standing, sitting, bust) = (share(head(0.2)), share(head(0.4)), share(head(0.5)));
    assert!(standing < 0.25 && sitting > 0.35 && bust > 0.45, "{standing} {sitting} {bust}");
    // The eyes of a bust are half way down, its ears a fifth from the sides.
    let bust = head(0.5);
    assert!(bust.left() <= 0.2 + 0.2 * 0.5 && bust.right() >= 0.7 - 0.2 * 0.5, "{bust:?}");
}

#[test]
fn the_head_of_a_standing_person_is_at_the_top_and_of_a_lying_one_anywhere() {
    let size = Size::new(1000, 1000);
    let standing = head_of(Area::new(0.4, 0.1, 0.6, 0.7).unwrap(), size);
    assert!(standing.top() <= 0.1 && standing.bottom() < 0.3 && standing.left() > 0.4, "{standing:?}");
    let lying = head_of(Area::new(0.1, 0.6, 0.7, 0.8).unwrap(), size);
    assert!(lying.left() <= 0.1 && lying.right() >= 0.7 && lying.bottom() >= 0.79, "{lying:?}");
}
