//! Inputs: seeds, and what chance makes of them.

/// Bytes; beyond this an input is cut.
const LONGEST: usize = 64 << 10;

/// What readers of text stumble over.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"  ",
    b"#",
    b"'",
    b"\"",
    b"\\",
    b"`",
    b"%",
    b"%%",
    b"~",
    b"*",
    b"?",
    b"!",
    b"@",
    b"|1|",
    b"=",
    b":",
    b": ",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{{ ",
    b" }}",
    b"{% ",
    b" %}",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!secret ",
    b"!!binary ",
    b"---\n",
    b"...\n",
    b"|\n",
    b">-\n",
    b"? ",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"0644",
    b"1e309",
    b"NaN",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"99999999999999999999",
    b"\xff",
    b"\xfe\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    "ü".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{202e}".as_bytes(),
    b"Host ",
    b"Match ",
    b"Include ",
    b"ssh-ed25519 ",
    b"@revoked ",
    b"@cert-authority ",
    b"\n@paths\n",
    b"\n@sql\n",
    b"\nNONCE f 0 0 1 2 99999999 0\n",
    b"\nNONCE o\n",
    b"\nNONCE d 0\n",
    b"AAAAAAAA",
    b"=",
];

/// A deterministic stream of inputs.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    given: usize,
}

impl Mutator {
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        assert!(!seeds.is_empty());
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            seeds,
            given: 0,
        }
    }

    /// The seeds themselves first, then mutations of them.
    pub fn input(&mut self) -> Vec<u8> {
        self.given += 1;
        if let Some(seed) = self.seeds.get(self.given - 1) {
            return seed.clone();
        }
        let mut input = self.seed();
        for _ in 0..=self.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    /// xorshift64*
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random() >> 33).unwrap() % limit.max(1)
    }

    fn seed(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        self.seeds[index].clone()
    }

    /// Two places in order.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let (a, b) = (self.below(length + 1), self.below(length + 1));
        // Mostly short ones, sometimes any.
        let (from, to) = (a.min(b), a.max(b));
        if self.below(4) == 0 {
            (from, to)
        } else {
            (from, to.min(from + 40))
        }
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let (from, to) = self.range(input.len());
        match self.below(9) {
            0 if !input.is_empty() => {
                let bit = self.below(8);
                let at = at.min(input.len() - 1);
                input[at] ^= 1 << bit;
            }
            1 => drop(input.drain(from..to)),
            2 => {
                let piece = input[from..to].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let other = self.seed();
                let (from, to) = self.range(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            4 => {
                // Deep nesting and huge scalars.
                let word = WORDS[self.below(WORDS.len())];
                let times = 1 << self.below(14);
                let piece = word.repeat(times);
                input.splice(at..at, piece.into_iter().take(LONGEST));
            }
            5 => input.truncate(at),
            6 => {
                let byte = u8::try_from(self.below(256)).unwrap();
                input.insert(at, byte);
            }
            7 => {
                // A line in another's place.
                let mut lines: Vec<Vec<u8>> =
                    input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (a, b) = (self.below(lines.len()), self.below(lines.len()));
                lines.swap(a, b);
                *input = lines.join(&b'\n');
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
        }
    }
}
