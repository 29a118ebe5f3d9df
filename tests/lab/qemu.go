package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// qemu is one running QEMU, driven by QMP over its standard input and output.
type qemu struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	serial string        // log of the first serial port
	ended  chan struct{} // closed when the process is gone
	paused chan struct{} // it stopped running, which the lab never asks for
	reset  chan struct{} // a reset happened: whatever answered before is gone

	call    sync.Mutex // one command at a time
	mu      sync.Mutex
	replies chan qmpMessage
	stderr  *tail

	typing sync.Mutex // one key at a time
	typed  bool       // there has been one
}

type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	QMP   json.RawMessage `json:"QMP"`
}

// tail keeps the end of what a process says on standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 4096 {
		t.text = t.text[len(t.text)-4096:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// startQEMU starts the process and waits until it can be talked to.
func (l *Lab) startQEMU(name string, args []string) (*qemu, error) {
	q := &qemu{
		serial: filepath.Join(l.dir, "log", name+".serial"), ended: make(chan struct{}),
		reset: make(chan struct{}, 1), paused: make(chan struct{}, 1), replies: make(chan qmpMessage, 1), stderr: &tail{},
	}
	_ = os.Remove(q.serial)
	args = append(args, "-chardev", "stdio,id=qmp,signal=off", "-mon", "chardev=qmp,mode=control",
		"-chardev", "file,id=serial0,path="+escapeOption(q.serial), "-serial", "chardev:serial0")
	log.Printf("qemu-system-x86_64 %q", args)
	q.cmd = exec.Command("qemu-system-x86_64", args...)
	q.cmd.Stderr = q.stderr
	var err error
	if q.in, err = q.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := q.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.spawner.start(q.cmd); err != nil {
		return nil, err
	}
	go q.read(out)
	select {
	case <-q.replies: // the greeting
	case <-q.ended:
		return nil, fmt.Errorf("QEMU did not start: %s", q.stderr)
	case <-time.After(30 * time.Second):
		q.kill()
		return nil, fmt.Errorf("QEMU does not answer")
	}
	if _, err := q.command("qmp_capabilities", nil); err != nil {
		q.kill()
		return nil, err
	}
	return q, nil
}

// escapeOption writes a value for QEMU's comma separated options.
func escapeOption(s string) string { return strings.ReplaceAll(s, ",", ",,") }

func (q *qemu) pid() int { return q.cmd.Process.Pid }

// mark leaves a mark for whoever looks; one is enough.
func mark(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (q *qemu) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 1<<16), 8<<20)
	for lines.Scan() {
		var m qmpMessage
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		if m.Event == "" {
			q.replies <- m
			continue
		}
		log.Printf("qemu %d: %s %s", q.pid(), m.Event, m.Data)
		if m.Event == "RESET" {
			mark(q.reset)
		} else if m.Event == "STOP" {
			mark(q.paused)
		}
	}
	err := q.cmd.Wait()
	log.Printf("qemu %d ended: %v %s", q.pid(), err, q.stderr)
	close(q.ended)
}

// command executes one QMP command.
func (q *qemu) command(name string, arguments interface{}) (json.RawMessage, error) {
	q.call.Lock()
	defer q.call.Unlock()
	request := map[string]interface{}{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := q.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("QEMU is gone: %w", err)
	}
	select {
	case m := <-q.replies:
		if m.Error != nil {
			return nil, fmt.Errorf("QEMU: %s: %s", name, m.Error.Desc)
		}
		return m.Return, nil
	case <-q.ended:
		return nil, fmt.Errorf("QEMU is gone: %s", q.stderr)
	case <-time.After(60 * time.Second):
		return nil, fmt.Errorf("QEMU does not answer %s", name)
	}
}

// monitor executes one command of the monitor for people: some states cannot be asked for in QMP.
func (q *qemu) monitor(line string) (string, error) {
	reply, err := q.command("human-monitor-command", map[string]string{"command-line": line})
	var text string
	if err == nil {
		err = json.Unmarshal(reply, &text)
	}
	return text, err
}

// kill ends the process at once and waits for it.
func (q *qemu) kill() {
	_ = q.cmd.Process.Kill()
	<-q.ended
}
