//! What the engine makes of a network's answers.
//!
//! **Invariant.** Only numbers change, which answer stands in which place, and, where an order says so, how long each is: no
//! type. What a program makes of that is what the tests look at.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use ort_sys::{ONNXTensorElementDataType, OrtApi, OrtValue};

use crate::order::{Fault, Whom};

/// The answers of one run, by name.
pub(crate) struct Answers<'a> {
    api: &'a OrtApi,
    names: &'a [*const c_char],
    values: &'a mut [*mut OrtValue],
}

impl<'a> Answers<'a> {
    /// # Safety
    /// `names` has `count` strings, `values` as many places, each empty or with a value that is the caller's own.
    pub(crate) unsafe fn new(
        api: &'a OrtApi,
        names: *const *const c_char,
        values: *mut *mut OrtValue,
        count: usize,
    ) -> Self {
        // SAFETY: the caller's promise; ONNX Runtime's interface demands the same of whoever calls `Run`.
        unsafe {
            Self { api, names: slice::from_raw_parts(names, count), values: slice::from_raw_parts_mut(values, count) }
        }
    }

    /// Which kind of network answers so.
    pub(crate) fn kind(&self) -> Whom {
        let persons = (0..self.names.len()).any(|index| self.name(index).contains("person"));
        if persons { Whom::Persons } else { Whom::Faces }
    }

    /// Makes the fault of whole answers.
    pub(crate) fn spoil(&mut self, fault: Fault) {
        match fault {
            Fault::Swapped => {
                let last = self.values.len() - 1;
                self.values.swap(0, last);
            }
            Fault::Nothing => self.take_away(),
            Fault::Many(least) if self.boxes() < usize::from(least) => {}
            Fault::Many(_) => self.crowd(),
            Fault::Longer => {
                (0..self.values.len()).for_each(|index| self.lengthen(index, Fault::LONGER));
                self.crowd();
            }
            _ => {
                for index in 0..self.values.len() {
                    if let Some(numbers) = self.numbers(index) {
                        spoil_numbers(fault, numbers);
                    }
                }
            }
        }
    }

    /// How many boxes these answers have room for: each has one of the scores, or two of which one is called so.
    fn boxes(&mut self) -> usize {
        let of_score: Vec<usize> = (0..self.values.len())
            .filter(|&index| ["cls", "score"].iter().any(|word| self.name(index).contains(word)))
            .collect();
        of_score.into_iter().filter_map(|index| self.numbers(index).map(|numbers| numbers.len())).sum()
    }

    /// Each box is there, with the highest score, and no two of them at one place.
    fn crowd(&mut self) {
        let persons = self.kind() == Whom::Persons;
        for index in 0..self.values.len() {
            let of_score = ["cls", "obj", "score"].iter().any(|word| self.name(index).contains(word));
            let Some(numbers) = self.numbers(index) else { continue };
            if of_score {
                numbers.fill(1.0);
            } else if persons {
                in_rows(numbers);
            } else {
                // One stride large, at the corners of their cells: hardly two of them overlap.
                numbers.fill(0.0);
            }
        }
    }

    /// Puts an answer of so many rows in the place of one.
    fn lengthen(&mut self, index: usize, rows: usize) {
        let (api, old) = (self.api, self.values[index]);
        let (mut about, mut count) = (ptr::null_mut(), 0);
        let (mut dimensions, mut allocator, mut new) = ([0i64; 8], ptr::null_mut(), ptr::null_mut());
        // SAFETY: `old` is a tensor that `Run` has just made; each call writes its last argument but one, or its last, which
        // are ours and as long as is said.
        let asked = unsafe {
            (api.GetTensorTypeAndShape)(old, &raw mut about).0.is_null()
                && (api.GetDimensionsCount)(about, &raw mut count).0.is_null()
                && count <= dimensions.len()
                && (api.GetDimensions)(about, dimensions.as_mut_ptr(), count).0.is_null()
                && (api.GetAllocatorWithDefaultOptions)(&raw mut allocator).0.is_null()
        };
        // SAFETY: made above, or null, which is passed over.
        unsafe { (api.ReleaseTensorTypeAndShapeInfo)(about) };
        if !asked || count < 2 {
            return;
        }
        dimensions[1] = rows as i64;
        let float = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
        // SAFETY: the engine's own allocator, `count` dimensions, and a place that is ours.
        let made = unsafe {
            (api.CreateTensorAsOrtValue)(allocator, dimensions.as_ptr(), count, float, &raw mut new).0.is_null()
        };
        if made {
            // SAFETY: the value is the caller's own, who is given another in its place.
            unsafe { (api.ReleaseValue)(old) };
            self.values[index] = new;
        }
    }

    fn name(&self, index: usize) -> String {
        // SAFETY: a string that ends in a zero, by `new`'s promise.
        unsafe { CStr::from_ptr(self.names[index]) }.to_string_lossy().into_owned()
    }

    fn take_away(&mut self) {
        for value in &mut *self.values {
            // SAFETY: the value is the caller's own, and the caller is told that there is none.
            unsafe { (self.api.ReleaseValue)(*value) };
            *value = ptr::null_mut();
        }
    }

    /// The numbers of an answer; `None` when it holds something else than 32-bit floats.
    fn numbers(&mut self, index: usize) -> Option<&mut [f32]> {
        let (api, value) = (self.api, self.values[index]);
        let undefined = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        let (mut about, mut element, mut count) = (ptr::null_mut(), undefined, 0);
        // SAFETY: `value` is a tensor that `Run` has just made; each call writes its last argument, which is ours.
        let asked = unsafe {
            (api.GetTensorTypeAndShape)(value, &raw mut about).0.is_null()
                && (api.GetTensorElementType)(about, &raw mut element).0.is_null()
                && (api.GetTensorShapeElementCount)(about, &raw mut count).0.is_null()
        };
        // SAFETY: made above, or null, which is passed over.
        unsafe { (api.ReleaseTensorTypeAndShapeInfo)(about) };
        let mut start = ptr::null_mut();
        // SAFETY: as above.
        let found = asked && unsafe { (api.GetTensorMutableData)(value, &raw mut start).0.is_null() };
        let is_floats = element == ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
        // SAFETY: the engine says that `count` floats lie there; they live as long as the value, which nobody else has yet.
        (found && is_floats && !start.is_null()).then(|| unsafe { slice::from_raw_parts_mut(start.cast(), count) })
    }
}

/// Persons side by side, row by row: each has top, left, bottom and right in shares of the picture.
fn in_rows(numbers: &mut [f32]) {
    let boxes = numbers.len() / 4;
    let columns = (boxes as f32).sqrt().ceil().max(1.0);
    let side = 1.0 / columns;
    for (index, edges) in numbers.chunks_exact_mut(4).enumerate() {
        let (row, column) = ((index as f32 / columns).floor(), index as f32 % columns);
        let (top, left) = (row * side, column * side);
        edges.copy_from_slice(&[top, left, top + 0.9 * side, left + 0.9 * side]);
    }
}

fn spoil_numbers(fault: Fault, numbers: &mut [f32]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ numbers.len() as u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32
    };
    match fault {
        Fault::Nan => {
            let middle = numbers.len() / 2;
            if let Some(number) = numbers.get_mut(middle) {
                *number = f32::NAN;
            }
        }
        Fault::Garbage => numbers.iter_mut().for_each(|number| *number = f32::from_bits(random())),
        Fault::Wild => numbers.iter_mut().for_each(|number| *number = (f64::from(random()) - 2e9) as f32),
        _ => {}
    }
}
