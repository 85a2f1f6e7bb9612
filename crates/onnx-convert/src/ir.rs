//! Reads the XML half of an OpenVINO file, and checks layers, ports and edges against each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;

use crate::Error;

/// Published face networks have fewer than a thousand layers and half a megabyte of XML.
const LAYERS_MAX: usize = 1 << 14;
const BYTES_MAX: usize = 1 << 25;
const NAME_BYTES_MAX: usize = 256;
const RANK_MAX: usize = 8;
/// The most inputs or outputs of a layer; supported layers have two at most.
const PORTS_MAX: usize = 16;

/// Sizes of a tensor; `None` for a size that the file leaves open.
pub type Dims = Vec<Option<usize>>;

/// A network in which both ends of every edge have the same shape.
pub struct Ir {
    pub name: String,
    /// Each layer follows those that it reads.
    pub layers: Vec<Layer>,
}

pub struct Layer {
    pub name: String,
    pub kind: String,
    /// The operator set that defines `kind`, such as `opset1`.
    pub version: String,
    /// Attributes of the layer by name.
    pub data: BTreeMap<String, String>,
    /// In the order of the ports.
    pub inputs: Vec<Input>,
    /// Sizes of the output; `None` for a layer without one.
    pub output: Option<Dims>,
}

pub struct Input {
    /// Index of the layer that produces it.
    pub source: usize,
    pub dims: Dims,
}

impl Layer {
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Layer { layer: self.name.clone(), kind: self.kind.clone(), reason: reason.into() }
    }
}

impl Ir {
    /// Returns the layers that name the network's outputs, in the order of the file's layers.
    pub fn result_layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| layer.kind == "Result")
    }

    /// Returns the sizes that each of [`Self::result_layers`] reads.
    pub fn results(&self) -> impl Iterator<Item = &Dims> {
        self.result_layers().filter_map(|layer| layer.inputs.first()).map(|input| &input.dims)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@name", default)]
    name: String,
    #[serde(rename = "@version")]
    version: u32,
    layers: LayerList,
    edges: EdgeList,
}

#[derive(Deserialize)]
struct LayerList {
    #[serde(default)]
    layer: Vec<LayerElement>,
}

#[derive(Deserialize)]
struct LayerElement {
    #[serde(rename = "@id")]
    id: u32,
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@type")]
    kind: String,
    #[serde(rename = "@version")]
    version: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    input: PortList,
    #[serde(default)]
    output: PortList,
}

#[derive(Deserialize, Default)]
struct PortList {
    #[serde(default)]
    port: Vec<PortElement>,
}

#[derive(Deserialize)]
struct PortElement {
    #[serde(rename = "@id")]
    id: u32,
    #[serde(rename = "@precision")]
    precision: Option<String>,
    #[serde(default)]
    dim: Vec<i64>,
}

#[derive(Deserialize)]
struct EdgeList {
    #[serde(default)]
    edge: Vec<EdgeElement>,
}

#[derive(Deserialize)]
struct EdgeElement {
    #[serde(rename = "@from-layer")]
    from_layer: u32,
    #[serde(rename = "@from-port")]
    from_port: u32,
    #[serde(rename = "@to-layer")]
    to_layer: u32,
    #[serde(rename = "@to-port")]
    to_port: u32,
}

/// Reads and checks a network: at most 16,384 layers, every input fed once, no cycles.
pub fn read(xml: &[u8]) -> Result<Ir, Error> {
    let fault = |reason: String| Err(Error::Ir(reason));
    if xml.len() > BYTES_MAX {
        return fault(format!("its XML has {} bytes, more than {BYTES_MAX}", xml.len()));
    }
    let Ok(text) = std::str::from_utf8(xml) else { return fault("its XML is not UTF-8".into()) };
    let document: Document = quick_xml::de::from_str(text).map_err(|error| Error::Ir(error.to_string()))?;
    if !matches!(document.version, 10 | 11) {
        return fault(format!("version {} of the representation: 10 and 11 are known", document.version));
    }
    let elements = document.layers.layer;
    if elements.is_empty() || elements.len() > LAYERS_MAX {
        return fault(format!("{} layers: one to {LAYERS_MAX} are taken", elements.len()));
    }
    if document.name.len() > NAME_BYTES_MAX {
        return fault("its name is too long".into());
    }
    let mut places = HashMap::new();
    for (at, element) in elements.iter().enumerate() {
        if element.name.len().max(element.kind.len()).max(element.version.len()) > NAME_BYTES_MAX {
            return fault(format!("the name, type or version of layer {} is too long", element.id));
        }
        if element.input.port.len().max(element.output.port.len()) > PORTS_MAX {
            return Err(element.error(format!("it has more than {PORTS_MAX} ports")));
        }
        if places.insert(element.id, at).is_some() {
            return fault(format!("two layers have the id {}", element.id));
        }
    }
    let feeds = feeds(&elements, &document.edges.edge, &places)?;
    let layers = elements.iter().enumerate().map(|(at, element)| layer(&elements, at, element, &feeds));
    let layers = in_order(layers.collect::<Result<_, _>>()?)?;
    Ok(Ir { name: document.name, layers })
}

/// Maps each `(layer, port)` that is fed to the layer and port that feed it. Layers are indices into the list.
type Feeds = HashMap<(usize, u32), (usize, u32)>;

fn feeds(elements: &[LayerElement], edges: &[EdgeElement], places: &HashMap<u32, usize>) -> Result<Feeds, Error> {
    let place = |id: u32| {
        let known = places.get(&id).copied();
        known.ok_or_else(|| Error::Ir(format!("an edge names layer {id}, which does not exist")))
    };
    let mut feeds = HashMap::new();
    for edge in edges {
        let (from, to) = (place(edge.from_layer)?, place(edge.to_layer)?);
        if !elements[to].input.port.iter().any(|port| port.id == edge.to_port) {
            return Err(
                elements[to].error(format!("an edge ends in its input port {}, which does not exist", edge.to_port))
            );
        }
        if feeds.insert((to, edge.to_port), (from, edge.from_port)).is_some() {
            return Err(elements[to].error(format!("two edges end in its input port {}", edge.to_port)));
        }
    }
    Ok(feeds)
}

fn layer(elements: &[LayerElement], at: usize, element: &LayerElement, feeds: &Feeds) -> Result<Layer, Error> {
    let mut ids = BTreeSet::new();
    let ports = element.input.port.iter().chain(&element.output.port);
    if let Some(port) = ports.into_iter().find(|port| !ids.insert(port.id)) {
        return Err(element.error(format!("two of its ports have the id {}", port.id)));
    }
    let mut inputs = Vec::new();
    for port in &element.input.port {
        let feed = feeds.get(&(at, port.id)).copied();
        let (source, from) = feed.ok_or_else(|| element.error(format!("nothing feeds its input port {}", port.id)))?;
        let other = elements[source].output.port.iter().find(|other| other.id == from);
        let other = other.ok_or_else(|| {
            elements[source].error(format!("an edge begins at its output port {from}, which does not exist"))
        })?;
        if other.dim != port.dim || other.precision != port.precision {
            let ends = (&other.precision, &other.dim, &port.precision, &port.dim);
            return Err(element.error(format!("the two ends of the edge to port {} differ: {ends:?}", port.id)));
        }
        inputs.push(Input { source, dims: element.dims(port)? });
    }
    let output = match element.output.port.as_slice() {
        [] => None,
        [port] => Some(element.dims(port)?),
        ports => return Err(element.error(format!("{} outputs: one is known", ports.len()))),
    };
    let data = element.data.iter().map(|(key, value)| (key.trim_start_matches('@').to_owned(), value.clone()));
    Ok(Layer {
        name: element.name.clone(),
        kind: element.kind.clone(),
        version: element.version.clone(),
        data: data.collect(),
        inputs,
        output,
    })
}

impl LayerElement {
    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Layer { layer: self.name.clone(), kind: self.kind.clone(), reason: reason.into() }
    }

    /// Returns the sizes of a port; the file writes an open one as -1.
    fn dims(&self, port: &PortElement) -> Result<Dims, Error> {
        let size = |&size: &i64| match size {
            -1 => Some(None),
            size => usize::try_from(size).ok().filter(|&size| size > 0).map(Some),
        };
        let sizes: Option<Dims> = port.dim.iter().map(size).collect();
        let sizes = sizes.filter(|sizes| sizes.len() <= RANK_MAX);
        sizes.ok_or_else(|| self.error(format!("port {} has the impossible shape {:?}", port.id, port.dim)))
    }
}

/// Sorts the layers so that each follows those that it reads, otherwise in the order of the file. Fails on a cycle.
fn in_order(layers: Vec<Layer>) -> Result<Vec<Layer>, Error> {
    let mut awaited: Vec<usize> = layers.iter().map(|layer| layer.inputs.len()).collect();
    let mut readers = vec![vec![]; layers.len()];
    for (at, layer) in layers.iter().enumerate() {
        layer.inputs.iter().for_each(|input| readers[input.source].push(at));
    }
    let mut ready: BTreeSet<usize> = (0..layers.len()).filter(|&at| awaited[at] == 0).collect();
    let mut places = vec![usize::MAX; layers.len()];
    let mut count = 0;
    while let Some(at) = ready.pop_first() {
        places[at] = count;
        count += 1;
        for &reader in &readers[at] {
            awaited[reader] -= 1;
            if awaited[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if let Some(at) = awaited.iter().position(|&left| left > 0) {
        return Err(layers[at].error("it depends on its own output, in a cycle"));
    }
    let mut placed: Vec<(usize, Layer)> = places.iter().copied().zip(layers).collect();
    placed.sort_by_key(|(place, _)| *place);
    let mut ordered: Vec<Layer> = placed.into_iter().map(|(_, layer)| layer).collect();
    ordered.iter_mut().flat_map(|layer| &mut layer.inputs).for_each(|input| input.source = places[input.source]);
    Ok(ordered)
}
