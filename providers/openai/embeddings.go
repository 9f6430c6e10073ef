package openai

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

var errEmbedding = errors.New("an embedding is not readable")

// ConvertEmbeddings gives a client its embeddings in the encoding it asked for,
// "float" or "base64" (little-endian 32-bit floats); anything else, and nothing, is
// "float", OpenAI's default. What is in that encoding already stays as it is, byte
// for byte, and so does everything around it: a body without anything to convert is
// answered itself. Numbers are exact to 32 bits.
func ConvertEmbeddings(body []byte, want string) ([]byte, error) {
	c := converter{base64: want == "base64"}
	c.begin(body)
	if c.peek() != '{' {
		return nil, errEmbedding
	}
	o := c.enter()
	for name, ok := c.member(&o); ok; name, ok = c.member(&o) {
		if string(name) == "data" && c.peek() == '[' {
			c.list()
			continue
		}
		c.skip()
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	if c.copied == 0 {
		return body, nil
	}
	return append(c.out, body[c.copied:]...), nil
}

type converter struct {
	walker
	base64 bool
	out    []byte
	copied int // so much of the body is in out
	raw    []byte
}

func (c *converter) list() {
	c.token()
	for k := c.peek(); k != ']' && k != 0; k = c.peek() {
		if k != '{' {
			c.skip()
			continue
		}
		o := c.enter()
		for name, ok := c.member(&o); ok; name, ok = c.member(&o) {
			switch kind := c.peek(); {
			case string(name) == "embedding" && kind == '[' && c.base64:
				c.toBase64()
			case string(name) == "embedding" && kind == '"' && !c.base64:
				c.toFloats()
			default:
				c.skip()
			}
		}
	}
	c.token()
}

// upTo copies what stands before a value.
func (c *converter) upTo(start int) {
	if c.out == nil {
		c.out = make([]byte, 0, len(c.data))
	}
	c.out = append(c.out, c.data[c.copied:start]...)
}

func (c *converter) toBase64() {
	c.token()
	start := c.offset() - 1
	c.raw = c.raw[:0]
	for k := c.peek(); k == '0'; k = c.peek() {
		v, err := strconv.ParseFloat(string(c.at(c.value())), 32)
		if err != nil {
			c.err = errEmbedding
			return
		}
		c.raw = binary.LittleEndian.AppendUint32(c.raw, math.Float32bits(float32(v)))
	}
	if c.peek() != ']' {
		c.err = errEmbedding
		return
	}
	c.token()
	c.upTo(start)
	c.out = append(c.out, '"')
	c.out = base64.StdEncoding.AppendEncode(c.out, c.raw)
	c.out = append(c.out, '"')
	c.copied = c.offset()
}

func (c *converter) toFloats() {
	s := c.value()
	if c.err != nil {
		return
	}
	text, err := jsontext.AppendUnquote(nil, c.at(s))
	if err == nil {
		c.raw, err = base64.StdEncoding.AppendDecode(c.raw[:0], text)
	}
	if err != nil || len(c.raw)%4 != 0 {
		c.err = errEmbedding
		return
	}
	c.upTo(s.start)
	c.out = append(c.out, '[')
	for i := 0; i < len(c.raw); i += 4 {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(c.raw[i:])))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			c.err = errEmbedding
			return
		}
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = strconv.AppendFloat(c.out, v, 'g', -1, 32)
	}
	c.out = append(c.out, ']')
	c.copied = s.end
}
