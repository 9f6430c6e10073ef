package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3gen"
)

// documentEndpoint serves the document.
func (a *API) documentEndpoint() Endpoint {
	return Endpoint{
		Method: http.MethodGet, Path: "/openapi.json", ID: "openapi.show", Tag: "meta", Summary: "This document", Roles: Everybody(),
		Media: "application/json",
		Stream: func(_ *Call, w http.ResponseWriter) error {
			w.Header().Set("Content-Type", "application/json")
			_, err := w.Write(a.document)
			return err
		},
	}
}

// Document is the OpenAPI 3 description of a table of endpoints.
func Document(endpoints []Endpoint, version string) ([]byte, error) {
	d := &documenter{schemas: openapi3.Schemas{}}
	doc := &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{Title: "Sluice admin API", Version: orElse(version, "dev"),
			Description: "Keys, owners, budgets, usage, requests, upstreams, configuration and alerts of one gateway. Errors are {\"error\": {\"message\", \"code\", \"fields\"}}; lists are {\"data\", \"next\"}, and next is what to give as ?after=."},
		Servers: openapi3.Servers{{URL: Prefix}},
		Paths:   openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: d.schemas,
			SecuritySchemes: openapi3.SecuritySchemes{
				"token":   {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer")},
				"session": {Value: openapi3.NewSecurityScheme().WithType("apiKey").WithIn("cookie").WithName("sluice_session")},
			},
		},
		Security: openapi3.SecurityRequirements{{"token": {}}, {"session": {}}},
	}
	failure, err := d.schema(body{})
	if err != nil {
		return nil, err
	}
	for i := range endpoints {
		e := &endpoints[i]
		op, err := d.operation(e, failure)
		if err != nil {
			return nil, fmt.Errorf("api: %s: %w", e.ID, err)
		}
		doc.AddOperation(e.Path, e.Method, op)
	}
	return json.MarshalIndent(doc, "", " ")
}

type documenter struct{ schemas openapi3.Schemas }

func (d *documenter) operation(e *Endpoint, failure *openapi3.SchemaRef) (*openapi3.Operation, error) {
	op := openapi3.NewOperation()
	op.OperationID, op.Summary, op.Tags = e.ID, e.Summary, []string{e.Tag}
	roles := make([]string, len(e.Roles))
	for i, r := range e.Roles {
		roles[i] = string(r)
	}
	allowed := "Roles: " + join(roles) + "."
	if e.Open {
		allowed = "Nobody needs to be signed in."
		op.Security = openapi3.NewSecurityRequirements()
	}
	op.Description = strings.TrimSpace(e.Description + "\n\n" + allowed)
	for _, name := range pathNames(e.Path) {
		op.AddParameter(openapi3.NewPathParameter(name).WithSchema(openapi3.NewStringSchema()))
	}
	for _, p := range e.Query {
		op.AddParameter(openapi3.NewQueryParameter(p.Name).WithDescription(p.About).WithSchema(p.schema()))
	}
	if e.Body != nil {
		s, err := d.schema(e.Body)
		if err != nil {
			return nil, err
		}
		op.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).WithJSONSchemaRef(s)}
	}
	if e.RawBody != "" {
		content := openapi3.Content{e.RawBody: openapi3.NewMediaType().WithSchema(openapi3.NewStringSchema())}
		if op.RequestBody != nil {
			for media, v := range op.RequestBody.Value.Content {
				content[media] = v
			}
		}
		op.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithContent(content)}
	}
	good := openapi3.NewResponse().WithDescription(http.StatusText(e.status()))
	switch {
	case e.Answer != nil:
		s, err := d.schema(e.Answer)
		if err != nil {
			return nil, err
		}
		good.WithJSONSchemaRef(s)
	case e.Media != "":
		good.WithContent(openapi3.Content{e.Media: openapi3.NewMediaType()})
	}
	op.AddResponse(e.status(), good)
	bad := openapi3.NewResponse().WithDescription("What is wrong").WithJSONSchemaRef(failure)
	op.Responses.Set("default", &openapi3.ResponseRef{Value: bad})
	return op, nil
}

func (p Param) schema() *openapi3.Schema {
	s := openapi3.NewStringSchema()
	switch p.Type {
	case "integer":
		s = openapi3.NewInt64Schema()
	case "boolean":
		s = openapi3.NewBoolSchema()
	case "date-time":
		s = openapi3.NewDateTimeSchema()
	}
	for _, v := range p.Enum {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// schema describes a type by its JSON. What may be null or left out is not required.
func (d *documenter) schema(v any) (*openapi3.SchemaRef, error) {
	g := openapi3gen.NewGenerator(openapi3gen.SchemaCustomizer(customize))
	return g.NewSchemaRefForValue(v, d.schemas)
}

// customize tells what Go's types do not: which values are always there, and which may
// be null.
func customize(_ string, t reflect.Type, _ reflect.StructTag, s *openapi3.Schema) error {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		s.Nullable = true
	}
	if t == reflect.TypeFor[json.RawMessage]() || t.Kind() == reflect.Interface {
		*s = openapi3.Schema{Nullable: true} // any JSON
		return nil
	}
	if t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() {
		s.Required = required(t)
	}
	return nil
}

// required are the names that a struct always writes.
func required(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if f.Type.Kind() == reflect.Struct {
				names = append(names, required(f.Type)...)
			}
			continue
		}
		if !f.IsExported() || name == "-" || strings.Contains(options, "omit") || f.Type.Kind() == reflect.Pointer && options != "" {
			continue
		}
		names = append(names, orElse(name, f.Name))
	}
	return names
}

// pathName finds the parameters of a path.
var pathName = regexp.MustCompile(`\{(\w+)\}`)

func pathNames(path string) []string {
	var names []string
	for _, m := range pathName.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}
