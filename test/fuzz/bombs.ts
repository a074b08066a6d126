import { brotliCompressSync, constants, deflateSync, zstdCompressSync } from 'node:zlib'
import type { HostileMessage } from './hostile-messages.ts'

/** Few bytes that become many, or say that they would. The limit for what comes out is 256 MiB. */
export function* bombs(): Generator<HostileMessage> {
  const zeros = Buffer.alloc(257 * 2 ** 20)
  const packed = {
    gzip: deflateSync(zeros, { level: 1 }),
    zstd: zstdCompressSync(zeros),
    brotli: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  }
  for (const [name, body] of Object.entries(packed)) {
    const compression = name === 'zstd' ? 'application/zstd' : `application/x-${name}`
    yield bomb(name, body, 'application/json', { compression })
  }
  const laughs = ['- &a0 [x, x, x, x, x, x, x, x, x]']
  for (let n = 1; n < 12; n++)
    laughs.push(
      `- &a${n} [${Array(9)
        .fill(`*a${n - 1}`)
        .join(', ')}]`,
    )
  yield bomb('yaml', Buffer.from(laughs.join('\n')), 'application/x-yaml')
  for (const code of [0xdd, 0xdf, 0xc6, 0xdb]) {
    yield bomb('msgpack', Buffer.from([code, 0xff, 0xff, 0xff, 0xff]), 'application/x-msgpack')
  }
  yield bomb('msgpack nested', Buffer.alloc(200_000, 0x91), 'application/x-msgpack')
}

function bomb(name: string, body: Buffer, contentType: string, headers: object = {}): HostileMessage {
  return {
    kind: `bomb ${name}`,
    message: {
      headers: { task: 'fuzz.echo', id: 'bomb', ...headers },
      properties: { contentType, contentEncoding: 'utf-8' },
      body,
    },
  }
}
