//! Tiny networks, written out as ONNX files: what a user might bring by mistake, and one that recognises a little.

/// One operation: name, inputs, outputs, attributes that are lists of whole numbers.
pub(crate) type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [(&'a str, &'a [i64])]);

/// The file of a network. Inputs and outputs are of 32-bit floats; a length of -1 is left open.
pub(crate) fn network(inputs: &[(&str, &[i64])], nodes: &[Node<'_>], outputs: &[(&str, &[i64])]) -> Vec<u8> {
    let mut graph = Vec::new();
    for (operation, from, to, attributes) in nodes {
        let mut node = Vec::new();
        from.iter().for_each(|name| field(&mut node, 1, name.as_bytes()));
        to.iter().for_each(|name| field(&mut node, 2, name.as_bytes()));
        field(&mut node, 4, operation.as_bytes());
        for (name, values) in *attributes {
            let mut attribute = Vec::new();
            field(&mut attribute, 1, name.as_bytes());
            values.iter().for_each(|&value| number(&mut attribute, 8, value));
            number(&mut attribute, 20, 7);
            field(&mut node, 5, &attribute);
        }
        field(&mut graph, 1, &node);
    }
    field(&mut graph, 2, b"tiny");
    inputs.iter().for_each(|(name, shape)| field(&mut graph, 11, &tensor(name, shape)));
    outputs.iter().for_each(|(name, shape)| field(&mut graph, 12, &tensor(name, shape)));
    let mut operations = Vec::new();
    number(&mut operations, 2, 13);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    field(&mut model, 7, &graph);
    field(&mut model, 8, &operations);
    model
}

/// Averages of 8×8 pixels: a vector that tells faces of one clip apart.
pub(crate) fn averages() -> Vec<u8> {
    network(
        &[("x", &[1, 3, 112, 112])],
        &[
            ("AveragePool", &["x"], &["pooled"], &[("kernel_shape", &[8, 8]), ("strides", &[8, 8])]),
            ("Flatten", &["pooled"], &["y"], &[]),
        ],
        &[("y", &[1, 588])],
    )
}

/// The mean colour alone: of grey pictures, nothing that tells anybody apart.
pub(crate) fn mean_colour() -> Vec<u8> {
    network(
        &[("x", &[1, 3, 112, 112])],
        &[("GlobalAveragePool", &["x"], &["mean"], &[]), ("Flatten", &["mean"], &["y"], &[])],
        &[("y", &[1, 3])],
    )
}

fn tensor(name: &str, shape: &[i64]) -> Vec<u8> {
    let mut dimensions = Vec::new();
    for &length in shape {
        let mut dimension = Vec::new();
        if length < 0 {
            field(&mut dimension, 2, b"open");
        } else {
            number(&mut dimension, 1, length);
        }
        field(&mut dimensions, 1, &dimension);
    }
    let mut of_tensor = Vec::new();
    number(&mut of_tensor, 1, 1);
    field(&mut of_tensor, 2, &dimensions);
    let mut kind = Vec::new();
    field(&mut kind, 1, &of_tensor);
    let mut value = Vec::new();
    field(&mut value, 1, name.as_bytes());
    field(&mut value, 2, &kind);
    value
}

fn number(out: &mut Vec<u8>, tag: u64, value: i64) {
    varint(out, tag << 3);
    varint(out, value as u64);
}

fn field(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    varint(out, tag << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push((value & 127 | 128) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}
