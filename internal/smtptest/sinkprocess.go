package smtptest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// sinkVariable makes a test binary a sink.
const sinkVariable = "MAILER_TEST_SINK"

// SinkProcess is a Sink in a process of its own, so that its processor time can be told from that of who sends.
type SinkProcess struct {
	Addr string // host:port
	cmd  *exec.Cmd
}

// StartSink starts this test binary anew as a sink, which ends with the test. TestMain must call IsSink first.
func StartSink(t testing.TB, extension string) *SinkProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), sinkVariable+"="+extension)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &SinkProcess{Addr: strings.TrimSpace(addr), cmd: cmd}
}

// IsSink reports whether this process was started by StartSink. If so it has been the sink all its life, which is over.
func IsSink() bool {
	extension := os.Getenv(sinkVariable)
	if extension == "" {
		return false
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	Sink(ln, extension)
	return true
}

// ProcessorTime is what the sink has used so far.
func (s *SinkProcess) ProcessorTime() time.Duration { return ProcessorTime(s.cmd.Process.Pid) }

// ProcessorTime is what processes have used so far, themselves and those of their children that have ended, to a hundredth of a second; none means this
// process. It is 0 where there is no /proc.
func ProcessorTime(pids ...int) time.Duration {
	if len(pids) == 0 {
		pids = []int{os.Getpid()}
	}
	var sum int64
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, v := range f[11:15] {
			var n int64
			fmt.Sscan(v, &n) //nolint:errcheck // a number
			sum += n
		}
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
