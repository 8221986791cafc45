// Command registry is an image registry in memory, over TLS, that may be written to: cosign signs there.
// It stands apart from the tests that use it because go-containerregistry exists in Go only.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	certificate := flag.String("cert", "", "the serving certificate, PEM")
	key := flag.String("key", "", "its key, PEM")
	referrers := flag.Bool("referrers", true, "serve the referrers API")
	user := flag.String("user", "", "USER:PASSWORD that are asked for; empty: everybody may")
	flag.Parse()
	handler := registry.New(
		registry.WithReferrersSupport(*referrers),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: guard(*user, handler)}
	log.Fatal(server.ServeTLS(listener, *certificate, *key))
}

// guard asks for a login by basic authentication, if there is one.
func guard(login string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if login != "" && (!ok || user+":"+password != login) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
