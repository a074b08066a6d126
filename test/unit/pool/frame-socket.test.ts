import assert from 'node:assert/strict'
import { Duplex, PassThrough } from 'node:stream'
import { test } from 'node:test'
import { FrameSocket } from '../../../src/pool/prefork/frame-socket.ts'

/** The bytes of frames. */
function framesOf(frames: readonly (readonly unknown[])[]): Buffer {
  const written: Buffer[] = []
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk)
      done()
    },
  })
  const socket = new FrameSocket<unknown, unknown>(stream, () => undefined)
  for (const messages of frames) {
    for (const message of messages) socket.send(message)
    socket.flush()
  }
  return Buffer.concat(written)
}

/** A socket that is given bytes by hand. */
function receiver() {
  const stream = new PassThrough()
  const received: unknown[] = []
  const socket = new FrameSocket<unknown, unknown>(stream, (message) => received.push(message))
  return { socket, received, feed: (chunk: Buffer) => void stream.emit('data', chunk) }
}

test('frames are the same however their bytes are cut', () => {
  const frames = [['a', { b: [1, 2] }], [new Uint8Array(300)], ['c', undefined, 'd']]
  const bytes = framesOf(frames)
  for (const size of [1, 3, 4, 5, 7, 64, bytes.length]) {
    const { received, feed } = receiver()
    for (let at = 0; at < bytes.length; at += size) feed(bytes.subarray(at, at + size))
    assert.deepEqual(received, frames.flat(), `in pieces of ${size}`)
  }
})

test('a large frame is put together once, not with each of its pieces', (t) => {
  const bytes = framesOf([['first'], ['x'.repeat(4_000_000)], ['last']])
  const { received, feed } = receiver()
  const concat = t.mock.method(Buffer, 'concat')
  for (let at = 0; at < bytes.length; at += 65_536) feed(bytes.subarray(at, at + 65_536))
  assert.deepEqual(
    received.map((message) => String(message).length),
    [5, 4_000_000, 4],
  )
  assert.ok(concat.mock.callCount() <= 2, `${concat.mock.callCount()} times`)
})

test('what cannot be sent is told, and what comes after it is sent', () => {
  const { socket } = receiver()
  socket.send(() => 1)
  assert.throws(() => socket.flush(), /could not be cloned/)
  socket.send('next')
  assert.doesNotThrow(() => socket.flush())
})
