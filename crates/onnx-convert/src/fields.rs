//! Reads the attributes of an OpenVINO layer one by one, and refuses any that was not read.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::Error;
use crate::ir::{Dims, Layer};

/// Largest kernel, stride or padding: the largest side of an image.
const SIZE_MAX: i64 = 1 << 16;

pub struct Fields<'a> {
    layer: &'a Layer,
    left: BTreeMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    pub fn new(layer: &'a Layer) -> Self {
        let left = layer.data.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self { layer, left }
    }

    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        self.left.remove(name).map(str::trim)
    }

    pub fn required(&mut self, name: &str) -> Result<&'a str, Error> {
        self.text(name).ok_or_else(|| self.layer.error(format!("it has no '{name}'")))
    }

    pub fn number<T: FromStr>(&mut self, name: &str) -> Result<T, Error> {
        let value = self.required(name)?;
        value.parse().map_err(|_| self.layer.error(format!("{name} is '{value}', which is not a valid number")))
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(value) => Err(self.layer.error(format!("{name} is '{value}', not true or false"))),
        }
    }

    /// Returns the meaning that `known` gives to the attribute's value; the first one if the attribute is left out.
    pub fn choice<T: Copy>(&mut self, name: &str, known: &[(&str, T)]) -> Result<T, Error> {
        let value = self.text(name).unwrap_or(known[0].0);
        let found = known.iter().find(|(key, _)| *key == value).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| self.layer.error(format!("{name} '{value}' is not supported")))
    }

    /// Reads two sizes, height and width, each at least `least`.
    pub fn pair(&mut self, name: &str, least: i64) -> Result<[i64; 2], Error> {
        let value = self.required(name)?;
        let sizes: Option<Vec<i64>> = value.split(',').map(|size| size.trim().parse().ok()).collect();
        let sizes = sizes.filter(|sizes| sizes.iter().all(|size| (least..=SIZE_MAX).contains(size)));
        let pair = sizes.and_then(|sizes| sizes.try_into().ok());
        pair.ok_or_else(|| self.layer.error(format!("{name} is '{value}', not two sizes")))
    }

    /// Reads a shape, in which -1 or ? is an open size.
    pub fn dims(&mut self, name: &str) -> Result<Dims, Error> {
        let value = self.required(name)?;
        let size = |size: &str| match size.trim() {
            "?" | "-1" => Some(None),
            size => size.parse().ok().filter(|&size: &usize| size > 0).map(Some),
        };
        let sizes: Option<Dims> = if value.is_empty() { Some(vec![]) } else { value.split(',').map(size).collect() };
        sizes.ok_or_else(|| self.layer.error(format!("{name} is '{value}', which is not a shape")))
    }

    /// Fails if any attribute was not read.
    pub fn end(self) -> Result<(), Error> {
        match self.left.first_key_value() {
            None => Ok(()),
            Some((name, value)) => Err(self.layer.error(format!("attribute {name} = '{value}' is not supported"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(data: &[(&str, &str)]) -> Layer {
        Layer {
            name: "pool".into(),
            kind: "AvgPool".into(),
            version: "opset1".into(),
            data: data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            inputs: vec![],
            output: None,
        }
    }

    #[test]
    fn values_are_read_and_what_is_left_is_named() {
        let layer = layer(&[("kernel", "2, 3"), ("shape", "?,3, -1"), ("exclude-pad", "true"), ("spare", "x")]);
        let mut fields = Fields::new(&layer);
        assert_eq!(fields.pair("kernel", 1).unwrap(), [2, 3]);
        assert_eq!(fields.dims("shape").unwrap(), [None, Some(3), None]);
        assert_eq!(fields.flag("exclude-pad").unwrap(), Some(true));
        assert_eq!(fields.flag("keep_dims").unwrap(), None);
        assert_eq!(fields.choice("auto_pad", &[("explicit", 7), ("valid", 8)]).unwrap(), 7);
        let error = fields.end().unwrap_err().to_string();
        assert_eq!(error, "layer 'pool' (AvgPool): attribute spare = 'x' is not supported");
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for kernel in ["", "2", "2,2,2", "0,2", "2,65537", "a,b", "99999999999999999999,1"] {
            let layer = layer(&[("kernel", kernel)]);
            let error = Fields::new(&layer).pair("kernel", 1).unwrap_err().to_string();
            assert!(error.contains("not two sizes"), "{error}");
        }
        let layer = layer(&[("shape", "1,0"), ("exclude-pad", "yes"), ("rounding_type", "up"), ("min", "low")]);
        let mut fields = Fields::new(&layer);
        assert!(fields.dims("shape").is_err());
        assert!(fields.flag("exclude-pad").is_err());
        assert!(fields.choice("rounding_type", &[("floor", 0), ("ceil", 1)]).is_err());
        assert!(fields.number::<f32>("min").is_err());
        assert!(fields.number::<f32>("max").is_err());
    }
}
