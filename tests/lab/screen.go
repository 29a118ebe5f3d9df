package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// screenshot is the console as a PNG. In no-boot mode it is black.
func (m *machine) screenshot() ([]byte, error) {
	if err := m.mustBe(poweredOn); err != nil {
		return nil, err
	}
	q := m.running()
	var picture image.Image = image.NewGray(image.Rect(0, 0, 640, 400))
	if q != nil {
		file := filepath.Join(m.lab.dir, "tmp", fmt.Sprintf("screen-%d.ppm", q.pid()))
		q.mu.Lock() // one picture at a time
		defer q.mu.Unlock()
		if _, err := q.command("screendump", map[string]interface{}{"filename": file}); err != nil {
			return nil, err
		}
		defer os.Remove(file)
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if picture, err = readPPM(bytes.NewReader(data)); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, picture)
	return out.Bytes(), err
}

// readPPM reads the binary portable pixmap that QEMU writes.
func readPPM(r io.Reader) (image.Image, error) {
	in := bufio.NewReader(r)
	var width, height, most int
	if _, err := fmt.Fscanf(in, "P6\n%d %d\n%d\n", &width, &height, &most); err != nil || most != 255 || width*height > 1<<26 {
		return nil, fmt.Errorf("no pixmap: %v", err)
	}
	pixels := make([]byte, 3*width*height)
	if _, err := io.ReadFull(in, pixels); err != nil {
		return nil, err
	}
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := 0; i < width*height; i++ {
		picture.SetRGBA(i%width, i/width, color.RGBA{pixels[3*i], pixels[3*i+1], pixels[3*i+2], 255})
	}
	return picture, nil
}

// serveScreen is GET /screen?id=moid.
func (l *Lab) serveScreen(w http.ResponseWriter, r *http.Request) {
	if l.sessions.find(r) == nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
		return
	}
	m := l.machineOf(types.ManagedObjectReference{Type: "VirtualMachine", Value: r.URL.Query().Get("id")})
	if m == nil {
		http.NotFound(w, r)
		return
	}
	picture, err := m.screenshot()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Length", fmt.Sprint(len(picture)))
	_, _ = w.Write(picture)
}

// createScreenshot leaves the picture in the VM's directory; the task's result is its path.
func createScreenshot(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := c.startTask(m.vm, "createScreenshot", func(*task) (types.AnyType, error) {
		picture, err := m.screenshot()
		if err != nil {
			return nil, err
		}
		stem := strings.TrimSuffix(path.Base(m.config().Files.VmPathName), ".vmx")
		for i := 1; ; i++ {
			name := inDatastore(path.Join(m.dir(), fmt.Sprintf("%s-%d.png", stem, i)))
			file, err := c.lab.local(name)
			if err != nil {
				return nil, err
			}
			f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if os.IsExist(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			_, err = f.Write(picture)
			_ = f.Close()
			return name, err
		}
	})
	return &types.CreateScreenshot_TaskResponse{Returnval: ref}, nil
}
