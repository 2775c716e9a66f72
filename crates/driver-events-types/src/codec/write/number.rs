use serde::{Serialize, Serializer};
use serde_json::Number;

use super::{Write, Writer};
use crate::codec::json;

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Write for $integer {
            fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
                writer.put_number(|serializer| self.serialize(serializer))
            }
        }
    )*};
}

integers!(i32 u32 u64 usize);

impl Write for f64 {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        self.is_finite().then_some(())?;
        writer.put_number(|serializer| serializer.serialize_f64(*self))
    }
}

impl Write for Number {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.put_number(|serializer| json::serialize_number(self, serializer))
    }
}
