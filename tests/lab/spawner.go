package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// spawner starts processes that die with the lab, however it ends. The kernel's parent-death
// signal is about the thread that started the process, so one thread starts them all and stays.
type spawner struct {
	requests chan spawnRequest
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest)}
	go func() {
		runtime.LockOSThread()
		for r := range s.requests {
			r.done <- r.cmd.Start()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	done := make(chan error)
	s.requests <- spawnRequest{cmd, done}
	return <-done
}
