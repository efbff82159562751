//! Nobody is identified: the networks that are compiled in say where a face or a person is, and nothing of who it is.
//!
//! A face is recognised by its embedding: a vector of 128 or 512 numbers for one face, near to those of other pictures of
//! the same person. So each output of each network is run and measured: it is one of those in [`answer`], in exactly that
//! shape, and there is no other. What is answered for one place of the picture is whether something is there, its box, and of
//! faces five points (eyes, nose, corners of the mouth): 16 numbers at most, all of them about place and sureness.
//!
//! That the bytes which are looked at here are those that the program runs is proved beside the pins
//! (`each_bundled_network_is_the_pinned_one`); that no crate of the program recognises faces, in `pipeline/tests/crates.rs`.

#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use frostglass_models::{Runtime, provision};
use frostglass_vault::{Area, Detection, Kind, Score};
use ort::session::Session;
use ort::value::TensorRef;

/// The shape of each output, by name.
type Shapes = BTreeMap<String, Vec<i64>>;

/// The most numbers that a network may have for one place of the picture. The shortest embeddings in use have 128.
const MOST_NUMBERS: i64 = 16;

/// All that a network of this family answers to an input of `height` by `width` pixels. Each shape is a number of places by
/// numbers for each of them, but for CenterFace, which has the numbers first and the places as rows and columns.
fn answer(family: &str, height: i64, width: i64) -> Shapes {
    let mut shapes = Shapes::new();
    let mut put = |name: &str, shape: &[i64]| assert!(shapes.insert(name.to_owned(), shape.to_vec()).is_none());
    match family {
        "yunet" => {
            for stride in [8, 16, 32] {
                let cells = (height / stride) * (width / stride);
                // Two scores, a box, five points; our decoder does not even read the points.
                put(&format!("cls_{stride}"), &[1, cells, 1]);
                put(&format!("obj_{stride}"), &[1, cells, 1]);
                put(&format!("bbox_{stride}"), &[1, cells, 4]);
                put(&format!("kps_{stride}"), &[1, cells, 10]);
            }
        }
        "centerface" => {
            let (rows, columns) = (height / 4, width / 4);
            // A score, a size, an offset, five points; not read either.
            put("537", &[1, 1, rows, columns]);
            put("538", &[1, 2, rows, columns]);
            put("539", &[1, 2, rows, columns]);
            put("540", &[1, 10, rows, columns]);
        }
        "efficientdet" => {
            // The whole network has 90 scores for 90 kinds of things; models/scripts/only_persons.py cut off all but one.
            put("boxes", &[1, 19_206, 4]);
            put("person_score", &[1, 19_206]);
        }
        other => panic!("{other}: a new family: say here what its networks answer, and why it identifies nobody"),
    }
    shapes
}

/// What is in `found` and not to be expected, or the other way round.
fn compare(found: &Shapes, expected: &Shapes) -> Result<(), String> {
    let strange: Vec<_> = found.iter().filter(|(name, shape)| expected.get(*name) != Some(shape)).collect();
    let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    if strange.is_empty() && missing.is_empty() {
        return Ok(());
    }
    Err(format!("answers {strange:?}, which are no boxes, scores or points of its family, and lacks {missing:?}"))
}

/// The numbers for one place, all outputs that speak of the same places taken together.
fn numbers_for_a_place(shapes: &Shapes) -> i64 {
    let mut by_places = BTreeMap::new();
    for shape in shapes.values() {
        let (places, numbers) = match shape[..] {
            [1, numbers, rows, columns] => (rows * columns, numbers),
            [1, places, numbers] => (places, numbers),
            [1, places] => (places, 1),
            _ => panic!("{shape:?}: neither places with numbers nor numbers in rows and columns"),
        };
        *by_places.entry(places).or_insert(0) += numbers;
    }
    by_places.into_values().max().unwrap()
}

/// Runs a network on a grey picture: only then are all lengths known.
fn run(network: &[u8], family: &str, height: i64, width: i64) -> Shapes {
    let runtime = Runtime::load().unwrap_or_else(|error| panic!("{error}"));
    let mut session = Session::builder(runtime.environment()).unwrap().commit_from_memory(network).unwrap();
    let numbers = usize::try_from(3 * height * width).unwrap();
    let (floats, bytes) = (vec![127.0f32; numbers], vec![127u8; numbers]);
    let inputs = if family == "efficientdet" {
        ort::inputs![TensorRef::from_array_view((vec![1, height, width, 3], &bytes[..])).unwrap()]
    } else {
        ort::inputs![TensorRef::from_array_view((vec![1, 3, height, width], &floats[..])).unwrap()]
    };
    let declared: BTreeSet<String> = session.outputs().iter().map(|outlet| outlet.name().to_owned()).collect();
    let outputs = session.run(inputs).unwrap();
    let shape = |value: &ort::value::ValueRef<'_>| value.try_extract_tensor::<f32>().unwrap().0.to_vec();
    let shapes: Shapes = outputs.iter().map(|(name, value)| (name.to_owned(), shape(&value))).collect();
    assert_eq!(shapes.keys().cloned().collect::<BTreeSet<_>>(), declared, "each output that is declared was answered");
    shapes
}

/// Family and file of each network that `models.toml` names.
fn networks() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("models.toml")).unwrap();
    let catalogue: toml::Table = text.parse().unwrap();
    let word = |entry: &toml::Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = catalogue["network"].as_array().unwrap();
    let found = entries.iter().map(|entry| {
        let path = folder.join("onnx").join(word(entry, "file"));
        assert_eq!(provision::sha256_of_file(&path).unwrap(), word(entry, "sha256"), "{}", path.display());
        (word(entry, "family"), path)
    });
    found.collect()
}

#[test]
fn no_network_that_is_compiled_in_gives_an_embedding() {
    let networks = networks();
    let named: BTreeSet<_> = networks.iter().map(|(_, path)| path.clone()).collect();
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx")).unwrap();
    assert_eq!(named, folder.map(|entry| entry.unwrap().path()).collect(), "all networks that there are stand in it");
    for (family, path) in networks {
        let network = std::fs::read(&path).unwrap();
        let sizes: &[(i64, i64)] = if family == "efficientdet" { &[(320, 320)] } else { &[(64, 96), (192, 320)] };
        for &(height, width) in sizes {
            let (found, expected) = (run(&network, &family, height, width), answer(&family, height, width));
            compare(&found, &expected).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            let most = numbers_for_a_place(&found);
            assert!(most <= MOST_NUMBERS, "{}: {most} numbers for one place of the picture", path.display());
        }
    }
}

/// The same test, on networks that do more than they should: what they made of the picture on the way is an output, too.
#[test]
fn a_network_that_gave_more_than_boxes_would_be_noticed() {
    for (family, inside) in [("yunet", "219"), ("centerface", "535"), ("efficientdet", "t374")] {
        let (_, path) = networks().into_iter().find(|(name, _)| name == family).unwrap();
        let mut network = std::fs::read(path).unwrap();
        network.extend(one_more_output(inside));
        let (height, width) = if family == "efficientdet" { (320, 320) } else { (64, 96) };
        let fault = compare(&run(&network, family, height, width), &answer(family, height, width)).unwrap_err();
        assert!(fault.contains(&format!("({inside:?}, [")), "{family}: {fault}");
    }
    // A vector in the place of the boxes, and in that of all there is.
    let mut vector = answer("yunet", 64, 96);
    vector.insert("bbox_8".to_owned(), vec![1, 96, 128]);
    assert!(compare(&vector, &answer("yunet", 64, 96)).is_err());
    assert!(numbers_for_a_place(&vector) > MOST_NUMBERS);
    assert!(compare(&Shapes::from([("embedding".to_owned(), vec![1, 512])]), &answer("yunet", 64, 96)).is_err());
}

/// All that a detector can say about somebody: this does not compile when there is more.
#[test]
fn a_detection_is_a_kind_a_box_and_a_score() {
    let whole = Area::new(0.0, 0.0, 1.0, 1.0).unwrap();
    let Detection { kind, area, score } = Detection { kind: Kind::Face, area: whole, score: Score::SURE };
    let (Kind::Face | Kind::Person) = kind;
    assert_eq!(
        size_of::<Detection>(),
        size_of_val(&kind).next_multiple_of(4) + size_of_val(&area) + size_of_val(&score)
    );
    assert_eq!((size_of_val(&area), size_of_val(&score)), (4 * size_of::<f32>(), size_of::<f32>()));
}

/// What makes a tensor inside of a network one of its outputs, put behind the file: parts of a protocol buffer's message that
/// come twice are one, so this is one more entry in `ModelProto.graph.output`, a float tensor of any shape.
fn one_more_output(name: &str) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| [&[tag << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let float = field(1, &[1 << 3, 1]);
    let output = [field(1, name.as_bytes()), field(2, &float)].concat();
    field(7, &field(12, &output))
}
