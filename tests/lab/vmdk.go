package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
)

// Numbers of the stream-optimised format ("Virtual Disk Format 5.0", VMware, sections on hosted
// sparse extents, compressed grains and markers). Sizes are in sectors of 512 bytes.
const (
	grainSectors    = 128 // 64 KiB
	tableEntries    = 512
	descriptorSpace = 20
	overhead        = 128

	markerEnd    = 0
	markerTable  = 1
	markerDir    = 2
	markerFooter = 3
)

type sparseHeader struct {
	Magic, Version, Flags              uint32
	Capacity, Grain                    uint64
	DescriptorOffset, DescriptorSize   uint64
	EntriesPerTable                    uint32
	RedundantDir, DirOffset, OverHead  uint64
	Unclean                            uint8
	NewLine, Space, Return, SecondLine uint8
	Compression                        uint16
	Pad                                [433]byte
}

// streamVMDK writes a stream-optimised VMDK of a raw image, in one pass and without seeking, with the
// footer that ESXi writes.
type streamVMDK struct {
	w      io.Writer
	sector uint64 // written so far
	buffer bytes.Buffer
}

func (s *streamVMDK) write(p []byte) error {
	n := (len(p) + 511) / 512 * 512
	if pad := n - len(p); pad > 0 {
		p = append(append(make([]byte, 0, n), p...), make([]byte, pad)...)
	}
	s.sector += uint64(n / 512)
	_, err := s.w.Write(p)
	return err
}

func pack(v interface{}) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, v)
	return b.Bytes()
}

func (s *streamVMDK) marker(sectors uint64, kind uint32) error {
	return s.write(pack(struct {
		Sectors    uint64
		Size, Kind uint32
	}{sectors, 0, kind}))
}

// grain writes one compressed grain behind its marker.
func (s *streamVMDK) grain(at uint64, data []byte) error {
	s.buffer.Reset()
	s.buffer.Write(make([]byte, 12))
	z, _ := zlib.NewWriterLevel(&s.buffer, zlib.BestSpeed)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	out := s.buffer.Bytes()
	binary.LittleEndian.PutUint64(out, at)
	binary.LittleEndian.PutUint32(out[8:], uint32(len(out)-12))
	return s.write(out)
}

// writeStreamVMDK copies size bytes of raw to w and returns how many bytes of it were not zero grains.
func writeStreamVMDK(w io.Writer, raw io.Reader, size int64) (populated int64, err error) {
	s := &streamVMDK{w: w}
	sectors := uint64((size + 511) / 512)
	header := sparseHeader{
		Magic: 0x564d444b, Version: 3, Flags: 0x30001, Capacity: sectors, Grain: grainSectors,
		DescriptorOffset: 1, DescriptorSize: descriptorSpace, EntriesPerTable: tableEntries,
		DirOffset: 1<<64 - 1, OverHead: overhead, NewLine: '\n', Space: ' ', Return: '\r', SecondLine: '\n', Compression: 1,
	}
	descriptor := fmt.Sprintf("# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n"+
		"# Extent description\nRW %d SPARSE \"generated-stream.vmdk\"\n# The Disk Data Base\n#DDB\n"+
		"ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"%d\"\nddb.geometry.heads = \"255\"\nddb.geometry.sectors = \"63\"\nddb.virtualHWVersion = \"14\"\n",
		rand.Uint32(), sectors, sectors/(255*63))
	head := make([]byte, overhead*512)
	copy(head, pack(header))
	copy(head[512:], descriptor)
	if err := s.write(head); err != nil {
		return 0, err
	}

	grains := (sectors + grainSectors - 1) / grainSectors
	directory := make([]uint32, (grains+tableEntries-1)/tableEntries)
	table := make([]uint32, tableEntries)
	used := false
	flush := func(index uint64) error {
		if !used {
			return nil
		}
		used = false
		if err := s.marker(tableEntries*4/512, markerTable); err != nil {
			return err
		}
		directory[index] = uint32(s.sector)
		err := s.write(pack(table))
		table = make([]uint32, tableEntries)
		return err
	}
	data := make([]byte, grainSectors*512)
	zero := make([]byte, grainSectors*512)
	for g := uint64(0); g < grains; g++ {
		n, err := io.ReadFull(raw, data)
		if err != nil && err != io.ErrUnexpectedEOF {
			return populated, err
		}
		copy(data[n:], zero)
		if !bytes.Equal(data, zero) {
			table[g%tableEntries], used = uint32(s.sector), true
			populated += int64(n)
			if err := s.grain(g*grainSectors, data); err != nil {
				return populated, err
			}
		}
		if g%tableEntries == tableEntries-1 || g == grains-1 {
			if err := flush(g / tableEntries); err != nil {
				return populated, err
			}
		}
	}
	dir := pack(directory)
	if err := s.marker(uint64((len(dir)+511)/512), markerDir); err != nil {
		return populated, err
	}
	header.DirOffset = s.sector
	if err := s.write(dir); err != nil {
		return populated, err
	}
	if err := s.marker(1, markerFooter); err != nil {
		return populated, err
	}
	if err := s.write(pack(header)); err != nil {
		return populated, err
	}
	return populated, s.marker(0, markerEnd)
}
