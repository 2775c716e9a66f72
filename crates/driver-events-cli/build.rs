//! Links a C function that runs before Rust's runtime starts.

const SOURCE: &str = "src/startup.c";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        for object in cc::Build::new().file(SOURCE).compile_intermediates() {
            println!("cargo::rustc-link-arg-bins={}", object.display());
        }
    }
}
