/** The port of serializers: values to bytes and back. kombu: `kombu.serialization`. */

/** One way to write values as bytes. Both directions are synchronous; what must be loaded is loaded before. */
export interface Serializer {
  /** Short name, as in the setting `taskSerializer`: `json`. */
  readonly name: string
  /** MIME type that goes with the bytes: `application/json`. */
  readonly contentType: string
  /** Character set of the bytes, or `binary`. */
  readonly contentEncoding: string
  /** @throws EncodeError when the value cannot be written; the message says where in the value the culprit sits. */
  encode(value: unknown): Uint8Array
  /** @throws DecodeError when the bytes are not what this serializer writes. Nothing else is ever thrown. */
  decode(bytes: Uint8Array): unknown
}

/**
 * What an object of a class may have in order to decide what is sent in its place. Comes before `toJSON`, which often
 * makes a text for people. kombu: `__json__`.
 */
export interface ToWire {
  toWire(): unknown
}
