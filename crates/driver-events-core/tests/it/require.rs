use driver_events_core::{DriverEventSinkExt, EventFilter, Guarantee, MemoryEventSink, SetupErrorKind};

#[test]
fn weaker_pipeline_is_an_error_when_it_is_built() {
    for at_least in [Guarantee::None, Guarantee::Buffered] {
        MemoryEventSink::new().require(at_least).unwrap();
    }
    for at_least in [Guarantee::Written, Guarantee::Spooled, Guarantee::Stored] {
        let error = MemoryEventSink::new().require(at_least).unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible);
        assert!(
            error.to_string().contains(&format!("`{at_least}` is required")),
            "{error}"
        );
    }
    let filtered = MemoryEventSink::new().filtered(EventFilter::everything());
    assert!(filtered.require(Guarantee::Buffered).is_err());
}
