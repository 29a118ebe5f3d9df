package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// call is one SOAP request on its way through the lab.
type call struct {
	lab     *Lab
	w       http.ResponseWriter
	r       *http.Request
	method  *simulator.Method
	session *session
	faults  []*fault // injected ones that apply to this call
}

// handler answers one method: a pointer to the vim type of the response, or a vimFault.
type handler func(*call) (interface{}, error)

// vimFault is a fault of the API, either as the reply to a method or in a task.
type vimFault struct {
	fault   types.BaseMethodFault
	message string
}

func (f *vimFault) Error() string { return fmt.Sprintf("%T: %s", f.fault, f.message) }

func faultf(fault types.BaseMethodFault, format string, args ...interface{}) error {
	return &vimFault{fault, fmt.Sprintf(format, args...)}
}

// asFault makes any error a fault; an error of the lab itself is the API's SystemError.
func asFault(err error) *vimFault {
	if f, ok := err.(*vimFault); ok {
		return f
	}
	return &vimFault{&types.SystemError{Reason: err.Error()}, "A general system error occurred: " + err.Error()}
}

// typed sets the element's name and xsi:type from the Go type, as the wire has them.
type typed struct {
	value  interface{}
	suffix string
	xsi    bool
}

func (t typed) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	name := reflect.TypeOf(t.value).Elem().Name()
	start := xml.StartElement{Name: xml.Name{Local: name + t.suffix}}
	start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"})
	if t.xsi {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: "xsi:type"}, Value: name})
	}
	return e.EncodeElement(t.value, start)
}

type soapEnvelope struct {
	XMLName xml.Name `xml:"soapenv:Envelope"`
	Enc     string   `xml:"xmlns:soapenc,attr"`
	Env     string   `xml:"xmlns:soapenv,attr"`
	XSD     string   `xml:"xmlns:xsd,attr"`
	XSI     string   `xml:"xmlns:xsi,attr"`
	Body    struct {
		Content interface{}
	} `xml:"soapenv:Body"`
}

type soapFault struct {
	XMLName xml.Name `xml:"soapenv:Fault"`
	Code    string   `xml:"faultcode"`
	String  string   `xml:"faultstring"`
	Detail  struct {
		Content interface{}
	} `xml:"detail"`
}

func writeSOAP(w http.ResponseWriter, status int, content interface{}) {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	env := &soapEnvelope{
		Enc: "http://schemas.xmlsoap.org/soap/encoding/",
		Env: "http://schemas.xmlsoap.org/soap/envelope/",
		XSD: "http://www.w3.org/2001/XMLSchema",
		XSI: "http://www.w3.org/2001/XMLSchema-instance",
	}
	env.Body.Content = content
	enc := xml.NewEncoder(&out)
	err := enc.Encode(env)
	if err == nil {
		err = enc.Flush()
	}
	if err != nil {
		log.Printf("encoding %T: %v", content, err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(out.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

func writeResponse(w http.ResponseWriter, response interface{}) {
	writeSOAP(w, http.StatusOK, typed{value: response})
}

func writeFault(w http.ResponseWriter, err error) {
	f := asFault(err)
	body := &soapFault{Code: "ServerFaultCode", String: f.message}
	body.Detail.Content = typed{value: f.fault, suffix: "Fault", xsi: true}
	writeSOAP(w, http.StatusInternalServerError, body)
}

// serveSOAP answers a request to /sdk: by the lab's own method if there is one, else by vcsim.
func (l *Lab) serveSOAP(w http.ResponseWriter, r *http.Request, entry *logEntry) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	entry.received(body)
	if err != nil {
		return
	}
	method, err := simulator.UnmarshalBody(typeByName, body)
	if err != nil {
		writeFault(w, faultf(&types.InvalidRequest{}, "%v", err))
		return
	}
	l.requests.name(entry, method.Name)
	c := &call{lab: l, w: w, r: r, method: method}
	if !l.faults.before(l, w, r, entry, method.Name, &c.faults) {
		return
	}
	c.session = l.sessions.find(r)
	if c.session == nil && !c.public() {
		writeFault(w, faultf(&types.NotAuthenticated{NoPermission: types.NoPermission{
			Object: method.This, PrivilegeId: "System.View"}}, "The session is not authenticated."))
		return
	}
	h := l.methods[method.This.Type+"."+method.Name]
	if h == nil {
		h = l.methods[method.Name]
	}
	if h == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		l.vcsim.ServeHTTP(w, r)
		return
	}
	if method.This.Type != "HttpNfcLease" && simulator.Map.Get(method.This) == nil {
		writeFault(w, gone(method.This))
		return
	}
	var response interface{}
	if err = c.permitted(); err == nil {
		response, err = h(c)
	}
	switch {
	case err != nil:
		writeFault(w, err)
	case response != nil:
		writeResponse(w, response)
	default: // passed on: the handler only looked or prepared
		r.Body = io.NopCloser(bytes.NewReader(body))
		l.vcsim.ServeHTTP(c.w, c.r)
	}
}

func gone(ref types.ManagedObjectReference) error {
	return faultf(&types.ManagedObjectNotFound{Obj: ref},
		"The object '%s' has already been deleted or has not been completely created", "vim."+ref.Type+":"+ref.Value)
}

// public tells whether the method needs no session.
func (c *call) public() bool {
	switch c.method.Name {
	case "RetrieveServiceContent", "Login", "LoginByToken", "LoginExtensionByCertificate", "CloneSession":
		return true
	case "RetrieveProperties", "RetrievePropertiesEx":
		var specs []types.PropertyFilterSpec
		switch b := c.method.Body.(type) {
		case *types.RetrieveProperties:
			specs = b.SpecSet
		case *types.RetrievePropertiesEx:
			specs = b.SpecSet
		}
		for _, s := range specs {
			for _, o := range s.ObjectSet {
				if o.Obj.Type != "ServiceInstance" && o.Obj.Type != "SessionManager" {
					return false
				}
			}
		}
		return true
	}
	return false
}

var vimTypes = types.TypeFunc()

// typeByName resolves an xsi:type or element name, with or without a prefix.
func typeByName(name string) (reflect.Type, bool) {
	if t, ok := vimTypes(name); ok {
		return t, true
	}
	for i := range name {
		if name[i] == ':' {
			return vimTypes(name[i+1:])
		}
	}
	return nil, false
}
