package tokens

// splitter finds where the next piece of a text ends, as an encoding's pattern does:
// its alternatives in order, each with the backtracking that a regular expression
// engine would do.
type splitter struct {
	classes classTable
	o200k   bool
}

// next answers the end of the piece that begins at i; i is inside s.
func (p *splitter) next(s []byte, i int) int {
	c, n := p.classes.at(s, i)
	if !p.o200k && s[i] == '\'' {
		if e := contraction(s, i); e > i {
			return e
		}
	}
	if end := p.word(s, i, c, n); end > i {
		return end
	}
	switch {
	case c&number != 0:
		return p.numbers(s, i)
	case c&space == 0:
		return p.symbols(s, i)
	case s[i] == ' ' && i+1 < len(s):
		if d, _ := p.classes.at(s, i+1); d&(space|letter|number) == 0 {
			return p.symbols(s, i+1)
		}
	}
	return p.spaces(s, i)
}

// word matches letters, with one character of another kind before them.
func (p *splitter) word(s []byte, i int, c class, n int) int {
	prefixed := c&(letter|number|newline) == 0 && i+n < len(s)
	if !p.o200k {
		if c&letter != 0 {
			return p.run(s, i+n, letter)
		}
		if prefixed {
			if d, m := p.classes.at(s, i+n); d&letter != 0 {
				return p.run(s, i+n+m, letter)
			}
		}
		return i
	}
	end := i
	if prefixed {
		end = p.cased(s, i+n)
		if end == i+n {
			end = i
		}
	}
	if end == i && c&(letter|mark) != 0 {
		end = p.cased(s, i)
	}
	if end == i && prefixed {
		if e := p.run(s, i+n, upper); e > i+n {
			end = e
		}
	}
	if end == i && c&upper != 0 {
		end = p.run(s, i, upper)
	}
	if end > i {
		return contraction(s, end)
	}
	return i
}

// cased matches any heads and then at least one tail; it answers j when there is
// none. Heads that are tails too are given back from the end, if need be.
func (p *splitter) cased(s []byte, j int) int {
	k, give := j, -1
	for k < len(s) {
		c, n := p.classes.at(s, k)
		if c&head == 0 {
			if c&tail != 0 {
				return p.run(s, k+n, tail)
			}
			break
		}
		k += n
		if c&tail != 0 {
			give = k
		}
	}
	if give < 0 {
		return j
	}
	return give
}

// run answers the end of the characters of a class that begin at i.
func (p *splitter) run(s []byte, i int, want class) int {
	for i < len(s) {
		c, n := p.classes.at(s, i)
		if c&want == 0 {
			break
		}
		i += n
	}
	return i
}

// numbers matches up to three.
func (p *splitter) numbers(s []byte, i int) int {
	for range 3 {
		if i >= len(s) {
			break
		}
		c, n := p.classes.at(s, i)
		if c&number == 0 {
			break
		}
		i += n
	}
	return i
}

// symbols matches what is neither space, letter nor number, and the line ends behind.
func (p *splitter) symbols(s []byte, i int) int {
	for i < len(s) {
		c, n := p.classes.at(s, i)
		if c&(space|letter|number) != 0 {
			break
		}
		i += n
	}
	for i < len(s) && (s[i] == '\r' || s[i] == '\n' || p.o200k && s[i] == '/') {
		i++
	}
	return i
}

// spaces matches white space: up to its last line end, or all of it but the last
// character, which belongs to the word behind.
func (p *splitter) spaces(s []byte, i int) int {
	end, last, lines := i, i, -1
	for end < len(s) {
		c, n := p.classes.at(s, end)
		if c&space == 0 {
			break
		}
		last = end
		end += n
		if c&newline != 0 {
			lines = end
		}
	}
	switch {
	case lines >= 0:
		return lines
	case end == len(s) || last == i:
		return end
	}
	return last
}

// contraction answers the end of an English 's, 't, 're, 've, 'm, 'll or 'd at i, in
// any case; i when there is none.
func contraction(s []byte, i int) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return i
	}
	a := s[i+1] | 0x20
	switch a {
	case 's', 't', 'm', 'd':
		return i + 2
	}
	if i+2 >= len(s) {
		return i
	}
	b := s[i+2] | 0x20
	if (a == 'r' || a == 'v') && b == 'e' || a == 'l' && b == 'l' {
		return i + 3
	}
	return i
}
