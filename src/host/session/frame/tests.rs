use proptest::prelude::*;

use super::*;

/// All frames of a stream, and how it ended.
fn read(stream: &[u8]) -> (Vec<Frame>, Fault) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut frames = Frames::new(stream, "N");
        let mut found = Vec::new();
        loop {
            match frames.next().await {
                Ok(frame) => found.push(frame),
                Err(fault) => return (found, fault),
            }
        }
    })
}

#[test]
fn frames_are_found_among_noise() {
    let (frames, fault) = read(
        b"Welcome!\nN p 0 \x1b[1mgoing\nN f 0 3 10.00 10.50 4 2\na\nN \xffhm\nN o\n@x\n\nN d 0\nN x no room\nbye",
    );
    assert_eq!(
        frames,
        [
            Frame::Progress {
                index: 0,
                text: "[1mgoing".to_owned()
            },
            Frame::Fragment {
                index: 0,
                status: 3,
                seconds: 0.5,
                output: b"a\nN ".to_vec(),
                errors: b"\xffh".to_vec()
            },
            Frame::Answer {
                lines: b"@x\n".to_vec(),
                status: 0
            },
            Frame::Refused("no room".to_owned()),
        ]
    );
    assert_eq!(fault, Fault::Ended(String::new()));
}

#[test]
fn what_breaks_the_grammar_is_an_error_and_allocates_nothing() {
    for stream in [
        "N f 0 0 1 2 99999999999999 0\n",
        "N f 0 0 1 2 -1 0\n",
        "N f 0 0 1 2 5\n",
        "N f a b c d e f\n",
        "N o\nN o\n",
        "N d 0\n",
        "N p x y\n",
        "N \n",
    ] {
        let (frames, fault) = read(stream.as_bytes());
        assert!(frames.is_empty(), "{stream}: {frames:?}");
        assert!(matches!(fault, Fault::Nonsense(_)), "{stream}: {fault:?}");
    }
    let endless = vec![b'x'; LINE_LIMIT + 1];
    assert!(matches!(read(&endless).1, Fault::Nonsense(_)));
}

#[test]
fn an_answer_that_is_cut_off_is_no_answer() {
    for stream in ["N f 0 0 1 2 5 0\nabc", "N o\nabc\n", "N o\nabc\nN d", "N p 0 hal"] {
        let (frames, fault) = read(stream.as_bytes());
        assert!(frames.is_empty(), "{stream}");
        assert_eq!(fault, Fault::Ended(String::new()), "{stream}");
    }
}

#[test]
fn a_clock_that_runs_backwards_costs_no_time() {
    for times in ["5.0 4.0", "nan inf", "inf inf"] {
        let (frames, _) = read(format!("N f 0 0 {times} 0 0\n").as_bytes());
        let Frame::Fragment { seconds, .. } = frames[0] else {
            panic!("{frames:?}")
        };
        assert_eq!(seconds, 0.0, "{times}");
    }
}

proptest! {
    #[test]
    fn no_stream_makes_it_panic(words in prop::collection::vec(
        prop_oneof![
            Just("N ".to_owned()), Just("o\n".to_owned()), Just("d ".to_owned()), Just("f ".to_owned()),
            Just("p ".to_owned()), Just("x ".to_owned()), Just("r ".to_owned()), Just("h ".to_owned()),
            Just("\n".to_owned()), Just("0 ".to_owned()), Just("7 ".to_owned()), any::<String>(),
        ], 0..60)) {
        read(words.concat().as_bytes());
    }
}

#[tokio::test]
async fn only_a_refusal_may_still_bear_the_former_nonce() {
    let stream: &[u8] = b"old x forged\nold r wrong Sorry\nnew x room\nold r wrong forged\nnew x end\n";
    let mut frames = Frames::new(stream, "old");
    frames.expect("new");
    let refused = Frame::NoRoot {
        kind: "wrong".to_owned(),
        text: "Sorry".to_owned(),
    };
    assert_eq!(frames.next().await.unwrap(), refused);
    assert_eq!(frames.next().await.unwrap(), Frame::Refused("room".to_owned()));
    assert_eq!(frames.next().await.unwrap(), Frame::Refused("end".to_owned()));
}
