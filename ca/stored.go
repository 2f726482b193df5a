package ca

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// On disk, in a folder that nobody but its owner can write to:
//
//	intermediate/           of mode 0700
//	intermediate/key.pem    the intermediate's key (PKCS #8), mode 0600
//	intermediate/chain.pem  the intermediate, then the root
//	ca.pem                  the root, for variables that add trust
//	ca-bundle.pem           the root and the system's, for those that replace it
//
// The folder intermediate is staged under another name and appears by one
// rename, complete or not at all. A rename does not replace a folder that has
// files, so of two processes one wins and the other reads what it made; no lock
// can be left behind. The last two files are made from the first and
// the system, and are put right at every start. The folder intermediate is also
// what to copy when several octopools are to share a CA (see Load).
const (
	signerFolder = "intermediate"
	keyName      = "key.pem"
	chainName    = "chain.pem"
	stagedPrefix = ".staged-"
)

// readStored returns the CA in a folder of dir, or fs.ErrNotExist when there is none.
func readStored(dir, name string) (*signer, error) {
	if err := checkMode(dir, 0o022, "put another CA here"); err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, name)
	if err := checkMode(folder, 0o077, reachKey); err != nil {
		return nil, err
	}
	chainFile, keyFile := filepath.Join(folder, chainName), filepath.Join(folder, keyName)
	if err := checkMode(keyFile, 0o077, reachKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	chain, key, err := readSigner(chainFile, keyFile)
	if err == nil && (len(chain) != 2 || !selfSigned(chain[1])) {
		err = fmt.Errorf("%s does not hold an intermediate and its root", chainFile)
	}
	if err != nil {
		// %v: a missing file in here is damage, not a first start.
		return nil, fmt.Errorf("%v (restore %s from a backup, or remove it to have a new CA made, which every client must then trust)", err, folder)
	}
	return newSigner(chain, key), nil
}

// makeStored makes a new CA in dir, unless another process is faster.
func makeStored(dir string, names []string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	staged, err := stage(dir, stagedPrefix, names, now)
	if err != nil {
		return err
	}
	defer os.RemoveAll(staged) // of no use after the rename, and not there any more
	if err := os.Rename(staged, filepath.Join(dir, signerFolder)); err != nil {
		return err
	}
	return syncDir(dir)
}

// stage makes a new CA in a folder of dir that has another name yet, beginning with prefix.
func stage(dir, prefix string, names []string, now time.Time) (staged string, err error) {
	root, intermediate, key, err := newCA(names, now)
	if err != nil {
		return "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	if staged, err = os.MkdirTemp(dir, prefix); err != nil { // mode 0700
		return "", err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	err = writeFile(filepath.Join(staged, keyName), keyPEM, 0o600)
	if err == nil {
		err = writeFile(filepath.Join(staged, chainName), encodeChain(intermediate, root), 0o644)
	}
	if err != nil {
		os.RemoveAll(staged)
		return "", err
	}
	return staged, nil
}

// sweep removes what interrupted first starts left in dir, which holds a CA.
// Another process may be staging right now: it has lost the race already, and
// errors it meets on the way no longer matter to it.
func sweep(dir string) {
	if !exists(dir, signerFolder) {
		return
	}
	leftovers, _ := filepath.Glob(filepath.Join(dir, stagedPrefix+"*"))
	for _, path := range leftovers {
		os.RemoveAll(path)
	}
}

// readSigner reads a signing certificate, the chain to its anchor, and its key.
func readSigner(certFile, keyFile string) ([]*x509.Certificate, crypto.Signer, error) {
	info, err := os.Stat(keyFile)
	if err != nil {
		return nil, nil, err
	}
	if err := checkMode(keyFile, tooOpen(info), reachKey); err != nil {
		return nil, nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, nil, err
	}
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, nil, err
	}
	if bytes.Contains(keyPEM, []byte("ENCRYPTED")) {
		return nil, nil, fmt.Errorf("%s is encrypted; octopool starts unattended and needs the plain key", keyFile)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	// PEM readers step over a block that does not end, so a file cut short
	// would pass for a shorter chain, with another anchor.
	if begun := bytes.Count(certPEM, []byte("-----BEGIN CERTIFICATE")); begun != len(pair.Certificate) {
		return nil, nil, fmt.Errorf("%s is damaged: %d certificates begin in it, %d can be read", certFile, begun, len(pair.Certificate))
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: a %T cannot sign", keyFile, pair.PrivateKey)
	}
	chain := make([]*x509.Certificate, len(pair.Certificate))
	for i, der := range pair.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, nil, fmt.Errorf("%s: certificate %d: %w", certFile, i+1, err)
		}
	}
	return chain, key, nil
}

// reachKey is what others than its owner could do to a key with a loose mode.
const reachKey = "reach the CA's key"

// checkMode refuses a path whose mode gives others than its owner any of these
// permissions, and says what they could do with them. Windows has no such modes; its
// folders inherit their owner's rights.
func checkMode(path string, others os.FileMode, could string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if mode&others == 0 || runtime.GOOS == "windows" {
		return nil
	}
	want := mode &^ others
	return fmt.Errorf("%s has mode %04o: others than its owner can %s; run: chmod %o %s", path, mode, could, want, path)
}

func encodeChain(chain ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range chain {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a bytes.Buffer never fails
	}
	return b.Bytes()
}

// writeFile replaces path at once: a reader, or the next start after a crash,
// finds the old bytes or the new, never a part.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(dir, "."+name+"-*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir survive a power cut. Not every system can sync
// a folder (Windows cannot); nothing else can be done about it there.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	d.Sync()
	return d.Close()
}
