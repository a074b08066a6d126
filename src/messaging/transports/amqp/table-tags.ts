/** Bytes that announce the type of a value in an AMQP table: RabbitMQ's, and those of Python's amqp. */
export const TAG = {
  text: 0x53, // S
  bytes: 0x78, // x
  void: 0x56, // V
  boolean: 0x74, // t
  int8: 0x62, // b
  uint8: 0x42, // B
  int16: 0x73, // s
  /** As Python's amqp reads it. */
  int16OfPython: 0x55, // U
  uint16: 0x75, // u
  int32: 0x49, // I
  uint32: 0x69, // i
  int64: 0x6c, // l
  /** As Python's amqp writes it. */
  int64OfPython: 0x4c, // L
  float: 0x66, // f
  double: 0x64, // d
  decimal: 0x44, // D
  timestamp: 0x54, // T
  array: 0x41, // A
  table: 0x46, // F
} as const
