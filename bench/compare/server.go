package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // sites, proxy, logs

	_ "github.com/onerecord/certgate/caddymodule" // the gate
)

// serve runs Caddy with a JSON configuration until its standard input ends.
func serve(file string) error {
	config, err := os.ReadFile(file) //nolint:gosec // the first process wrote it
	if err != nil {
		return err
	}
	if err := caddy.Load(config, true); err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return caddy.Stop()
}

// process is a server started from this binary.
type process struct {
	cmd  *exec.Cmd
	stop func() error
}

func start(config string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "serve", config) //nolint:gosec,noctx // this program, until it is told to stop
	var said bytes.Buffer                      // shown only if the server does not start
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		_ = cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("the server did not start: %s", said.String()), err, cmd.Wait())
	}
	return &process{cmd: cmd, stop: func() error {
		_ = stdin.Close()
		return cmd.Wait()
	}}, nil
}

// cpu adds up the time on CPU of every thread, in nanoseconds in /proc/PID/task/TID/schedstat: finer than the ticks of stat.
func (p *process) cpu() (float64, error) {
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, t := range threads {
		line, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(line))[0], 64)
		if err != nil {
			return 0, err
		}
		total += ns / 1e9
	}
	return total, nil
}
