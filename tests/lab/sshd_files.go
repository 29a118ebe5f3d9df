package main

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pkg/sftp"
)

// guestFiles serves the directory that stands for a guest's file system.
type guestFiles struct{ root string }

func (g guestFiles) path(p string) string { return filepath.Join(g.root, filepath.Clean("/"+p)) }

func (g guestFiles) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	return os.Open(g.path(r.Filepath))
}

func (g guestFiles) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	flags := os.O_WRONLY
	want := r.Pflags()
	if want.Creat {
		flags |= os.O_CREATE
	}
	if want.Trunc {
		flags |= os.O_TRUNC
	}
	if want.Excl {
		flags |= os.O_EXCL
	}
	mode := os.FileMode(0o644)
	if r.AttrFlags().Permissions {
		mode = r.Attributes().FileMode().Perm()
	}
	return os.OpenFile(g.path(r.Filepath), flags, mode)
}

func (g guestFiles) Filecmd(r *sftp.Request) error {
	file := g.path(r.Filepath)
	switch r.Method {
	case "Setstat":
		if r.AttrFlags().Permissions {
			if err := os.Chmod(file, r.Attributes().FileMode()); err != nil {
				return err
			}
		}
		if r.AttrFlags().Size {
			if err := os.Truncate(file, int64(r.Attributes().Size)); err != nil {
				return err
			}
		}
		if r.AttrFlags().Acmodtime {
			a := r.Attributes()
			return os.Chtimes(file, time.Unix(int64(a.Atime), 0), time.Unix(int64(a.Mtime), 0))
		}
		return nil
	case "Rename", "PosixRename":
		return os.Rename(file, g.path(r.Target))
	case "Rmdir", "Remove":
		return os.Remove(file)
	case "Mkdir":
		return os.Mkdir(file, 0o755)
	case "Symlink":
		return os.Symlink(r.Filepath, g.path(r.Target))
	case "Link":
		return os.Link(file, g.path(r.Target))
	}
	return sftp.ErrSSHFxOpUnsupported
}

// listing is a directory, given out from an offset.
type listing []os.FileInfo

func (l listing) ListAt(to []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[offset:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// linkTarget is the answer to readlink, which the library takes as a name.
type linkTarget struct {
	os.FileInfo
	target string
}

func (l linkTarget) Name() string { return l.target }

func (g guestFiles) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	file := g.path(r.Filepath)
	switch r.Method {
	case "List":
		entries, err := os.ReadDir(file)
		if err != nil {
			return nil, err
		}
		var list listing
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				list = append(list, info)
			}
		}
		return list, nil
	case "Stat":
		info, err := os.Stat(file)
		return listing{info}, err
	case "Readlink":
		info, err := os.Lstat(file)
		if err != nil {
			return nil, err
		}
		target, err := os.Readlink(file)
		return listing{linkTarget{info, target}}, err
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat does not follow a link.
func (g guestFiles) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	info, err := os.Lstat(g.path(r.Filepath))
	return listing{info}, err
}
