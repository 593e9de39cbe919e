package ingest

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Fields of io.cloudevents.v1.CloudEvent and of what lies in it.
const (
	fieldID, fieldSource, fieldSpecVersion, fieldType = 1, 2, 3, 4
	fieldAttributes                                   = 5
	fieldBinary, fieldText, fieldProto                = 6, 7, 8

	fieldKey, fieldValue = 1, 2 // of an entry of the attributes, and type and value of a google.protobuf.Any

	attrBoolean, attrInteger, attrTimestamp = 1, 2, 7
)

// protobufEvent reads an event in the protobuf format.
func protobufEvent(raw []byte) (e cloudEvent, err error) {
	all, data, message := attributes{}, []byte(nil), []byte(nil)
	names := map[protowire.Number]string{
		fieldID: "id", fieldSource: "source", fieldSpecVersion: "specversion", fieldType: "type",
	}
	err = fields(raw, func(number protowire.Number, value []byte, _ uint64) error {
		switch name := names[number]; {
		case name != "":
			all[name] = string(value)
		case number == fieldAttributes:
			return protobufAttribute(all, value)
		case number == fieldBinary || number == fieldText:
			data, message = value, nil
		case number == fieldProto:
			message = value
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	if e, err = all.event(); err != nil {
		return e, err
	}
	if e.data = data; message != nil {
		e.contentType = typeProtobuf
		err = fields(message, func(number protowire.Number, value []byte, _ uint64) error {
			if number == fieldValue {
				e.data = value
			}
			return nil
		})
	}
	if e.contentType == "" {
		e.contentType = typeJSON
	}
	return e, err
}

func protobufAttribute(all attributes, entry []byte) error {
	var name, text string
	err := fields(entry, func(number protowire.Number, value []byte, _ uint64) error {
		if number == fieldKey {
			name = string(value)
			return nil
		}
		return fields(value, func(kind protowire.Number, value []byte, n uint64) (err error) {
			switch kind {
			case attrBoolean:
				text = strconv.FormatBool(n != 0)
			case attrInteger:
				text = strconv.FormatInt(int64(int32(n)), 10) // a negative one is written as 64 bits
			case attrTimestamp:
				text, err = timestampText(value)
			default:
				text = string(value)
			}
			return err
		})
	})
	if err == nil && text == "" {
		err = emptyAttribute(name)
	}
	all[name] = text
	return err
}

func timestampText(raw []byte) (string, error) {
	var seconds, nanos int64
	err := fields(raw, func(number protowire.Number, _ []byte, n uint64) error {
		if number == fieldKey {
			seconds = int64(n)
		} else {
			nanos = int64(n)
		}
		return nil
	})
	return time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano), err
}

// fields calls fn for each field of a message: with its bytes, or its number where it is one.
func fields(raw []byte, fn func(number protowire.Number, value []byte, n uint64) error) error {
	for len(raw) > 0 {
		number, kind, size := protowire.ConsumeTag(raw)
		var value []byte
		var n uint64
		if size >= 0 {
			raw = raw[size:]
			switch kind {
			case protowire.BytesType:
				value, size = protowire.ConsumeBytes(raw)
			case protowire.VarintType:
				n, size = protowire.ConsumeVarint(raw)
			default:
				size = protowire.ConsumeFieldValue(number, kind, raw)
			}
		}
		if size < 0 {
			return fault.New(fault.Invalid, "INVALID", fault.Param("reason", protowire.ParseError(size).Error()))
		}
		raw = raw[size:]
		if err := fn(number, value, n); err != nil {
			return err
		}
	}
	return nil
}
