use super::{Cursor, Read};

impl Read for u64 {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let digits = cursor.take_while(|byte| byte.is_ascii_digit())?;
        let has_leading_zero = digits.starts_with('0') && digits != "0";
        (!has_leading_zero).then(|| digits.parse().ok())?
    }
}

impl Read for u32 {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        u64::read(cursor)?.try_into().ok()
    }
}

impl Read for usize {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        u64::read(cursor)?.try_into().ok()
    }
}

impl Read for i32 {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.deserialize()
    }
}

impl Read for f64 {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.deserialize().filter(|float: &Self| float.is_finite())
    }
}
