use super::*;

const SIZE: usize = 1400;

fn transmit(contents: &[u8], segment_size: Option<usize>, port: u16) -> Transmit<'_> {
    Transmit {
        destination: SocketAddr::from(([10, 0, 0, 1], port)),
        ecn: None,
        contents,
        segment_size,
        src_ip: None,
    }
}

fn put(batch: &mut Batch, packets: usize, port: u16) -> Put {
    let bytes = vec![packets as u8; packets * SIZE];
    let size = (packets > 1).then_some(SIZE);
    batch.put(&transmit(&bytes, size, port), 64)
}

#[test]
fn a_batch_that_is_not_full_goes_alone() {
    let mut batch = Batch::default();
    assert_eq!(put(&mut batch, 1, 1), Put::Alone);
    assert_eq!(put(&mut batch, 9, 1), Put::Alone);
    assert!(batch.is_empty() && batch.transmit().is_none());
}

#[test]
fn full_batches_wait_and_the_last_one_takes_them_along() {
    let mut batch = Batch::default();
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 3, 1), Put::Leave);
    let out = batch.transmit().expect("they wait");
    assert_eq!(out.contents.len(), 23 * SIZE);
    assert_eq!(out.segment_size, Some(SIZE));
    batch.clear();
    assert!(batch.is_empty() && batch.transmit().is_none());
}

#[test]
fn a_single_shorter_packet_may_be_the_end() {
    let mut batch = Batch::default();
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(batch.put(&transmit(&[1; 40], None, 1), 64), Put::Leave);
    assert_eq!(
        batch.transmit().expect("both").contents.len(),
        10 * SIZE + 40
    );
    // Nothing comes after a shorter packet: the kernel would cut in the wrong places.
    assert_eq!(put(&mut batch, 10, 1), Put::First);
}

#[test]
fn a_longer_packet_or_another_place_lets_the_others_leave_first() {
    let mut batch = Batch::default();
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 2, 2), Put::First);
    let long = vec![1; SIZE + 1];
    assert_eq!(batch.put(&transmit(&long, None, 1), 64), Put::First);
    let other = vec![1; 20];
    assert_eq!(batch.put(&transmit(&other, Some(10), 1), 64), Put::First);
}

#[test]
fn never_more_than_one_call_takes() {
    let mut batch = Batch::default();
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 10, 1), Put::Waits);
    assert_eq!(put(&mut batch, 10, 1), Put::Leave);
    assert_eq!(put(&mut batch, 10, 1), Put::First);
    let mut few = Batch::default();
    let bytes = vec![0; 10 * SIZE];
    assert_eq!(few.put(&transmit(&bytes, Some(SIZE), 1), 10), Put::Alone);
}
