//! Reads and writes booleans and numbers, which clients may send as strings.

use serde_json::Value;

use crate::api::wire::{Invalid, Wire};

impl Wire for bool {
    fn read(value: Value) -> Result<Self, Invalid> {
        let text = match &value {
            Value::Bool(value) => return Ok(*value),
            Value::Number(number) => &number.to_string(),
            Value::String(text) => text.trim().trim_matches('"'),
            _ => "",
        };
        match text {
            "1" => Ok(true),
            "0" => Ok(false),
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(Invalid::new("must be true or false")),
        }
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

/// Returns `number` if it is whole, and so small that a double can represent its neighbours.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 2f64.powi(53)).then_some(number as i64)
}

macro_rules! whole_number {
    ($type:ty) => {
        impl Wire for $type {
            fn read(value: Value) -> Result<Self, Invalid> {
                let number = match &value {
                    Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                let number = number.and_then(|number| <$type>::try_from(number).ok());
                number.ok_or_else(|| Invalid::new("must be a whole number"))
            }

            fn write(&self) -> Value {
                (*self).into()
            }
        }
    };
}
whole_number!(i32);
whole_number!(i64);

impl Wire for f64 {
    fn read(value: Value) -> Result<Self, Invalid> {
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &f64| number.is_finite()).ok_or_else(|| Invalid::new("must be a number"))
    }

    /// JSON has no infinity and no NaN: 0 stands for them. Such a value is a fault of the server.
    fn write(&self) -> Value {
        debug_assert!(self.is_finite(), "{self} is not a number");
        Value::from(if self.is_finite() { *self } else { 0.0 })
    }
}

impl Wire for f32 {
    fn read(value: Value) -> Result<Self, Invalid> {
        let number = f64::read(value)? as f32;
        if number.is_finite() { Ok(number) } else { Err(Invalid::new("must be a number of single precision")) }
    }

    /// Writes the fewest digits that identify the number: 518.712, not 518.7119750976563.
    fn write(&self) -> Value {
        self.to_string().parse::<f64>().unwrap_or_default().write()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_and_numbers_may_be_strings() {
        assert_eq!(bool::read(json!("true")), Ok(true));
        assert_eq!(bool::read(json!("False")), Ok(false));
        assert_eq!(bool::read(json!("\"true\"")), Ok(true));
        assert_eq!((bool::read(json!(1)), bool::read(json!("0"))), (Ok(true), Ok(false)));
        for wrong in [json!(2), json!(1.5), json!("yes"), json!(""), json!(null), json!([true])] {
            assert_eq!(bool::read(wrong), Err(Invalid::new("must be true or false")));
        }
        assert_eq!(i32::read(json!(" 12 ")), Ok(12));
        assert_eq!(i32::read(json!(3_000_000_000u64)), Err(Invalid::new("must be a whole number")));
        assert_eq!(i32::read(json!(295.0)), Ok(295));
        assert_eq!(i64::read(json!(1.5)), Err(Invalid::new("must be a whole number")));
        assert_eq!(f64::read(json!("2.5e3")), Ok(2500.0));
        assert!(f64::read(json!("NaN")).is_err());
        assert!(f32::read(json!(1e300)).is_err());
    }

    #[test]
    fn single_precision_is_written_with_its_own_digits() {
        assert_eq!(518.712f32.write().to_string(), "518.712");
        assert_eq!(465f32.write().to_string(), "465.0");
    }
}
