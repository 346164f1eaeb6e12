package notify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small SMTP server on loopback (RFC 5321, 3207, 4954).
type mailServer struct {
	listener net.Listener
	tls      *tls.Config
	rules    rules
	wait     sync.WaitGroup

	mu       sync.Mutex
	received []received
	hellos   []string
	open     []net.Conn
}

// rules bend the server. The zero value takes everything and offers no TLS.
type rules struct {
	startTLS, implicitTLS bool
	extensions            []string          // such as "AUTH PLAIN"
	password              string            // of "certgate"; then signing in is demanded
	replies               map[string]string // by command, such as "RCPT TO:<bob@acme.example>" or "." for the end of DATA; empty: no answer
	silent                bool              // accepts connections and never says a word
	hangUpAfterData       bool
}

// received is a mail that the server took.
type received struct {
	from  string
	to    []string
	data  string
	isTLS bool
	user  string
}

func newMailServer(t *testing.T, r rules) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{listener: listener, rules: r, tls: serverTLS(t)}
	s.wait.Go(s.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for _, c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.wait.Wait()
	})
	return s
}

func (s *mailServer) address() string { return s.listener.Addr().String() }

// pool holds the server's certificate.
func (s *mailServer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(s.tls.Certificates[0].Certificate[0])
	pool.AddCert(leaf)
	return pool
}

func (s *mailServer) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

func (s *mailServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open = append(s.open, conn)
		s.mu.Unlock()
		s.wait.Go(func() {
			defer func() { _ = conn.Close() }()
			if s.rules.silent {
				_, _ = io.Copy(io.Discard, conn)
				return
			}
			v := visit{server: s, conn: conn}
			if s.rules.implicitTLS {
				v.secure()
			}
			v.text = textproto.NewConn(v.conn)
			v.say("220 mail.test ready")
			v.run()
		})
	}
}

// visit is one connection.
type visit struct {
	server *mailServer
	conn   net.Conn
	text   *textproto.Conn
	mail   received
	done   bool
}

func (v *visit) say(line string) {
	if v.text.PrintfLine("%s", line) != nil {
		v.done = true
	}
}

func (v *visit) secure() {
	v.conn = tls.Server(v.conn, v.server.tls)
	v.text = textproto.NewConn(v.conn)
	v.mail.isTLS = true
}

func (v *visit) run() {
	for !v.done {
		line, err := v.text.ReadLine()
		if err != nil {
			return
		}
		if reply, ok := v.server.rules.replies[line]; ok {
			if reply != "" {
				v.say(reply)
			}
			continue
		}
		v.answer(line)
	}
}

func (v *visit) answer(line string) {
	r := v.server.rules
	verb, rest, _ := strings.Cut(line, " ")
	switch {
	case verb == "EHLO":
		v.server.mu.Lock()
		v.server.hellos = append(v.server.hellos, rest)
		v.server.mu.Unlock()
		v.say("250-mail.test")
		if r.startTLS && !v.mail.isTLS {
			v.say("250-STARTTLS")
		}
		for _, e := range r.extensions {
			v.say("250-" + e)
		}
		v.say("250 8BITMIME")
	case verb == "STARTTLS" && r.startTLS:
		v.say("220 go on")
		v.secure()
	case verb == "AUTH":
		v.signIn(rest)
	case r.password != "" && v.mail.user == "" && verb != "QUIT":
		v.say("530 5.7.0 authentication required")
	case verb == "MAIL":
		v.mail.from = rest
		v.say("250 ok")
	case verb == "RCPT":
		v.mail.to = append(v.mail.to, strings.TrimPrefix(rest, "TO:"))
		v.say("250 ok")
	case verb == "DATA":
		v.data()
	case verb == "QUIT":
		v.say("221 bye")
		v.done = true
	default:
		v.say("500 what?")
	}
}

func (v *visit) signIn(rest string) {
	mechanism, initial, _ := strings.Cut(rest, " ")
	var user, password string
	decode := func(s string) string {
		b, _ := base64.StdEncoding.DecodeString(s)
		return string(b)
	}
	if mechanism == "PLAIN" {
		parts := strings.Split(decode(initial), "\x00")
		user, password = parts[1], parts[2]
	} else {
		v.say("334 VXNlcm5hbWU6")
		line, _ := v.text.ReadLine()
		user = decode(line)
		v.say("334 UGFzc3dvcmQ6")
		line, _ = v.text.ReadLine()
		password = decode(line)
	}
	if user != "certgate" || password != v.server.rules.password {
		v.say("535 5.7.8 bad credentials")
		return
	}
	v.mail.user = user
	v.say("235 welcome")
}

func (v *visit) data() {
	v.say("354 go on")
	data, err := io.ReadAll(v.text.DotReader())
	if err != nil {
		return
	}
	if reply, ok := v.server.rules.replies["."]; ok {
		v.say(reply)
		return
	}
	v.mail.data = string(data)
	v.server.mu.Lock()
	v.server.received = append(v.server.received, v.mail)
	v.server.mu.Unlock()
	if v.server.rules.hangUpAfterData {
		v.done = true
		return
	}
	v.say("250 queued")
	v.mail.to, v.mail.data = nil, ""
}

// serverTLS makes a certificate for 127.0.0.1 that signs itself.
func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
