//! A test engine: ONNX Runtime, but for what it is ordered to do wrong.
//!
//! It is loaded in the real one's place (`ORT_DYLIB_PATH`), loads the real one itself ([`RUNTIME`]), and hands out the real
//! interface with one call exchanged: `Run`, which looks at the order of the moment ([`ORDERS`]) first. So the program under
//! test is the program that people run, with its processes, bindings and decoders.
//!
//! **Invariant.** Without an order it is the real engine, call by call. Orders come through memory that is mapped when the
//! engine is loaded, so that they also reach a process that may open nothing any more.
//!
//! What goes wrong outside of the engine, in a thread of the program, stands in `clock.rs`; what it tries when it is hostile, in
//! `escape.rs`.
//!
//! Part of no program: only the tests in `pipeline/tests/faults` build it and load it.
#![expect(unsafe_code, reason = "it stands between two sides of a C interface, in tests only")]

mod clock;
mod escape;
mod order;
mod tensors;

use std::env;
use std::ffi::c_char;
use std::fs::File;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ort_sys::{ORT_API_VERSION, OrtApi, OrtApiBase, OrtErrorCode, OrtRunOptions, OrtSession, OrtStatusPtr, OrtValue};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use escape::{AT_LOAD, Escape, LOOT};
pub use order::{Fault, Order, Whom};
use tensors::Answers;

/// The variable that names the real library.
pub const RUNTIME: &str = "FAULTY_ENGINE_RUNTIME";
/// The variable that names the file with the order of the moment, of four bytes at least; see [`Order::bytes`].
pub const ORDERS: &str = "FAULTY_ENGINE_ORDERS";

/// What a starving process may still take: room for two threads, and not for the frames that a camera needs.
const MORSEL: u64 = 5 << 20;

/// The real engine and what is handed out in its place.
struct Engine {
    real: OrtApi,
    faulty: OrtApi,
    base: OrtApiBase,
    real_base: &'static OrtApiBase,
    orders: &'static AtomicU32,
}

static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
static ORDERS_MAPPED: OnceLock<Result<&'static AtomicU32, String>> = OnceLock::new();

/// The door of the real library, and of this one. Null, which its caller takes for no engine, when there is no real one.
// SAFETY: the name and type that ONNX Runtime's door has; whoever loads this library looks for no other of its names.
#[unsafe(no_mangle)]
pub extern "system" fn OrtGetApiBase() -> *const OrtApiBase {
    engine().map_or(ptr::null(), |engine| &raw const engine.base)
}

fn engine() -> Option<&'static Engine> {
    ENGINE.get_or_init(|| Engine::load().map_err(|fault| eprintln!("faulty engine: {fault}")).ok()).as_ref()
}

impl Engine {
    fn load() -> Result<Self, String> {
        Escape::at_load();
        let orders = orders()?;
        let real_base = real_base(&named(RUNTIME)?)?;
        // SAFETY: the call that the interface offers for this; it gives null or a table that is never taken back.
        let real = unsafe { (real_base.GetApi)(ORT_API_VERSION).as_ref() };
        let real = real.ok_or("the real engine does not know this version of its interface")?.clone();
        let faulty = OrtApi { Run: run, ..real.clone() };
        let base = OrtApiBase { GetApi: api, GetVersionString: version };
        Ok(Self { real, faulty, base, real_base, orders })
    }

    fn order(&self) -> Order {
        order_in(self.orders)
    }
}

fn named(variable: &str) -> Result<std::ffi::OsString, String> {
    env::var_os(variable).ok_or_else(|| format!("{variable} is not set"))
}

/// Where the order of the moment stands.
fn orders() -> Result<&'static AtomicU32, String> {
    let open = || map(&File::open(named(ORDERS)?).map_err(|error| error.to_string())?);
    ORDERS_MAPPED.get_or_init(open).clone()
}

fn order_in(orders: &AtomicU32) -> Order {
    Order::read(orders.load(Ordering::Relaxed).to_ne_bytes())
}

fn real_base(path: &std::ffi::OsStr) -> Result<&'static OrtApiBase, String> {
    // SAFETY: the library that the tests name is ONNX Runtime, whose start-up code every program that uses it runs.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
    // It stays: its code is in use for the rest of the process.
    let library = Box::leak(Box::new(library));
    // SAFETY: the type of the only function that ONNX Runtime exports for all to use.
    let door = unsafe { library.get::<unsafe extern "system" fn() -> *const OrtApiBase>(b"OrtGetApiBase") };
    let door = door.map_err(|error| error.to_string())?;
    // SAFETY: it takes nothing, and gives null or a table that is never taken back.
    unsafe { door().as_ref() }.ok_or_else(|| "the real engine gives no interface".to_owned())
}

/// The first bytes of the file of orders, as they are at any moment.
fn map(file: &File) -> Result<&'static AtomicU32, String> {
    let whole = file.metadata().is_ok_and(|about| about.len() >= size_of::<AtomicU32>() as u64);
    if !whole {
        return Err("the file of orders is too short".to_owned());
    }
    // SAFETY: a new mapping, of memory that nothing else of this process refers to.
    let start = unsafe {
        mmap(ptr::null_mut(), size_of::<AtomicU32>(), ProtFlags::READ, MapFlags::SHARED, file, 0)
            .map_err(|error| error.to_string())?
    };
    // SAFETY: a page is aligned and, by the check above, there; it is never unmapped, and only ever loaded from. The tests
    // do not cut the file.
    Ok(unsafe { &*start.cast::<AtomicU32>() })
}

/// # Safety
/// None is asked of the caller; the interface's type has it so.
unsafe extern "system" fn api(version: u32) -> *const OrtApi {
    // What is handed out has the calls up to that version, and those of a later one would lie behind its end.
    engine().filter(|_| version <= ORT_API_VERSION).map_or(ptr::null(), |engine| &raw const engine.faulty)
}

/// # Safety
/// None is asked of the caller, as for [`api`].
unsafe extern "system" fn version() -> *const c_char {
    // SAFETY: the real call, which takes nothing; without a real engine nobody has this one.
    engine().map_or(ptr::null(), |engine| unsafe { (engine.real_base.GetVersionString)() })
}

/// # Safety
/// As of ONNX Runtime's `Run`: session, names and values are whole, and the arrays as long as the counts say.
unsafe extern "system" fn run(
    session: *mut OrtSession,
    options: *const OrtRunOptions,
    input_names: *const *const c_char,
    inputs: *const *const OrtValue,
    input_count: usize,
    output_names: *const *const c_char,
    output_count: usize,
    outputs: *mut *mut OrtValue,
) -> OrtStatusPtr {
    let Some(engine) = engine() else { std::process::abort() };
    // SAFETY: what `Run`'s caller promises of its last three arguments.
    let kind = unsafe { Answers::new(&engine.real, output_names, outputs, output_count) }.kind();
    let meets = |order: Order| if order.whom == Whom::All || order.whom == kind { order.fault } else { Fault::None };
    let fault = meets(engine.order());
    match fault {
        Fault::Die => std::process::abort(),
        Fault::Escape(escape) => escape.attempt(),
        // SAFETY: a code and a string; the status is the caller's to release.
        Fault::Error => unsafe {
            return (engine.real.CreateStatus)(OrtErrorCode::ORT_FAIL, c"ordered to fail".as_ptr());
        },
        _ => {}
    }
    let began = Instant::now();
    // SAFETY: the real call with our caller's own arguments.
    let status = unsafe {
        (engine.real.Run)(session, options, input_names, inputs, input_count, output_names, output_count, outputs)
    };
    match fault {
        _ if !status.0.is_null() => {}
        Fault::None | Fault::Escape(_) => {}
        Fault::Slow(times) => thread::sleep(began.elapsed() * u32::from(times.saturating_sub(1))),
        Fault::Hang => {
            while meets(engine.order()) == Fault::Hang {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Fault::Starve => starve(),
        // SAFETY: as above; by now each place has the caller's new value in it.
        fault => unsafe { Answers::new(&engine.real, output_names, outputs, output_count) }.spoil(fault),
    }
    status
}

/// Lets the process grow by no more than [`MORSEL`].
fn starve() {
    let Rlimit { maximum, .. } = getrlimit(Resource::As);
    // The first number is the size of the process, in pages.
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let current = Some(pages * rustix::param::page_size() as u64 + MORSEL);
    if let Err(error) = setrlimit(Resource::As, Rlimit { current, maximum }) {
        eprintln!("faulty engine: {error}");
    }
}
