use std::io::Write;

use flate2::write::GzEncoder;
use rttp_capture::{Compression, Format, Problem, Reader, Step};

use crate::files::{ORDERS, pcap, pcapng};
use crate::{Drip, all, read};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn capture() -> Vec<u8> {
    pcap(&(0..500).map(|i| (i, i, vec![i as u8; 100])).collect::<Vec<_>>())
}

#[test]
fn compressed_captures_give_what_plain_ones_do() {
    for (pack, compression) in [(gzip as fn(&[u8]) -> _, Compression::Gzip), (zstd, Compression::Zstd)] {
        for plain in [capture(), pcapng(ORDERS[0], &[(1, vec![1; 9])])] {
            let packed = pack(&plain);
            let mut reader = Reader::over(&packed[..]);
            assert_eq!(all(&mut reader), read(&plain));
            assert_eq!((reader.compression(), reader.bytes_in()), (compression, packed.len() as u64));
            assert_eq!(reader.offset(), plain.len() as u64);
        }
    }
}

#[test]
fn members_and_frames_follow_each_other_and_a_frame_may_be_skipped() {
    let plain = capture();
    let (one, two) = plain.split_at(3_333);
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for packed in [[gzip(one), gzip(two)].concat(), [skipped, zstd(one), zstd(two)].concat()] {
        assert_eq!(read(&packed), read(&plain));
    }
}

#[test]
fn compressed_captures_may_come_in_pieces_with_waits_between() {
    let plain = capture();
    let (one, two) = plain.split_at(3_333);
    for packed in [[gzip(one), gzip(two)].concat(), [zstd(one), zstd(two)].concat()] {
        for step in [1, 7, 500] {
            assert_eq!(all(&mut Reader::over(Drip::new(&packed, step))), read(&plain), "{step}");
        }
    }
}

#[test]
fn a_compressed_capture_that_is_cut_off_or_damaged_gives_what_is_in_front() {
    let plain: Vec<_> = (0..500u32).map(|i| (i, i, (0..100).map(|j| (i * 37 + j * j) as u8).collect())).collect();
    let plain = pcap(&plain);
    for packed in [gzip(&plain), zstd(&plain)] {
        let whole = read(&plain).0;
        for length in [5, 20, packed.len() / 2, packed.len() - 1] {
            let (packets, warnings) = read(&packed[..length]);
            assert_eq!(packets[..], whole[..packets.len()]);
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains("does not decompress: "), "{warnings:?}");
        }
        let mut bent = packed.clone();
        let at = bent.len() / 2;
        bent[at..].fill(0xff);
        let (_, warnings) = read(&bent);
        assert!(warnings.iter().any(|said| said.contains("does not decompress")), "{warnings:?}");
    }
}

#[test]
fn compression_inside_of_compression_is_refused() {
    for packed in [gzip(&zstd(&capture())), zstd(&gzip(&capture()))] {
        let (packets, warnings) = read(&packed);
        assert_eq!((packets.len(), warnings.len()), (0, 1));
        assert!(warnings[0].ends_with("inside a compressed file, expected a capture there"), "{warnings:?}");
    }
}

#[test]
fn a_window_of_more_than_128_mebibytes_is_refused() {
    // A frame header that claims a window of 2^31 bytes, with one empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    let mut reader = Reader::over(&frame[..]);
    let Step::Warning(warning) = reader.next() else { panic!() };
    assert!(matches!(warning.problem, Problem::BadCompression { .. }), "{warning}");
}

#[test]
fn zeros_in_gzip_are_passed_over_and_a_text_in_gzip_is_no_capture() {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&capture()).unwrap();
    encoder.write_all(&vec![0; 2 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    let mut reader = Reader::over(&bomb[..]);
    let (packets, warnings) = all(&mut reader);
    assert_eq!((packets.len(), warnings.len()), (500, 1));
    assert!(warnings[0].ends_with("nothing readable was found behind"), "{warnings:?}");
    assert!(reader.bytes_in() < 30_000, "{}", reader.bytes_in());
    let (_, warnings) = read(&gzip(b"time,size\n0,1\n"));
    assert!(warnings[0].starts_with("byte 0: begins with `time,size"), "{warnings:?}");
    assert_eq!(Reader::over(&b""[..]).format(), None::<Format>);
    assert_eq!(read(&gzip(b"")).1, ["byte 0: the file is empty, expected a capture"]);
}
