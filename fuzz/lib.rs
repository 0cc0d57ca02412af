//! What the fuzz targets share with the replay of their corpora in the program's own tests.

pub mod reading;
