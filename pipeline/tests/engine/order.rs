//! What the engine is to do wrong, as the four bytes by which a test tells a process that it can not reach otherwise.
//!
//! **Invariant.** Every order survives the way through its bytes; bytes that are no order are none.

use crate::escape::Escape;

/// Which networks the fault meets, or which thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The networks that find faces.
    Faces,
    /// Those that find persons.
    Persons,
    /// Each of them.
    All,
    /// The thread that captures.
    Capture,
    /// The thread that owns the hold and the redactor.
    Keeper,
}

/// What goes wrong at a run of a network, or in a thread.
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
    /// A face network sees a face in each of its cells, a person network a person at each of its anchors, no two of them at
    /// one place: in answers that have room for so many boxes at least. Others stay as they are.
    Many(u16),
    /// The same, in answers that are longer than they may be: of [`Fault::LONGER`] cells at each scale, or anchors.
    Longer,
    /// The first answer is given for the last, and the last for the first: numbers in the wrong shape.
    Swapped,
    /// It says that all went well and gives no answer, at which its bindings panic.
    Nothing,
    /// From this run on, the process gets hardly more memory than it has.
    Starve,
    /// The process ends then and there.
    Die,
    /// A thread can not read the clock, at which it panics. See `clock.rs`.
    NoClock,
    /// It tries what only a hostile one would, once.
    Escape(Escape),
}

impl Fault {
    /// More than any network's answer has: a person network's has 19,206.
    pub const LONGER: usize = 24_000;
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
const PLAIN: [Fault; 12] = [
    Fault::None,
    Fault::Hang,
    Fault::Error,
    Fault::Nan,
    Fault::Garbage,
    Fault::Wild,
    Fault::Longer,
    Fault::Swapped,
    Fault::Nothing,
    Fault::Starve,
    Fault::Die,
    Fault::NoClock,
];
/// Those that have a number.
const SLOW: u8 = 0xff;
const MANY: u8 = 0xfe;
const ESCAPE: u8 = 0xfd;

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
            Whom::Capture => 4,
            Whom::Keeper => 5,
        };
        let (fault, [low, high]) = match self.fault {
            Fault::Slow(times) => (SLOW, times.to_le_bytes()),
            Fault::Many(least) => (MANY, least.to_le_bytes()),
            Fault::Escape(escape) => (ESCAPE, [escape.number(), 0]),
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
            4 => Whom::Capture,
            5 => Whom::Keeper,
            _ => return Self::NONE,
        };
        let fault = match fault {
            SLOW => Fault::Slow(u16::from_le_bytes([low, high])),
            MANY => Fault::Many(u16::from_le_bytes([low, high])),
            ESCAPE => Escape::ALL.get(usize::from(low)).map_or(Fault::None, |&escape| Fault::Escape(escape)),
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
        for whom in [Whom::Faces, Whom::Persons, Whom::All, Whom::Capture, Whom::Keeper] {
            let numbered = [Fault::Slow(1), Fault::Slow(1000), Fault::Many(10_000)];
            for fault in PLAIN.into_iter().chain(numbered).chain(Escape::ALL.map(Fault::Escape)) {
                let order = Order { whom, fault };
                assert_eq!(Order::read(order.bytes()), order);
            }
        }
        assert_eq!(Order::read([0; 4]), Order::NONE, "a file that was just made");
        assert_eq!(Order::read([9; 4]), Order::NONE);
    }
}
