import { createConnection } from 'node:net'

/** Sent after the command: the echo tells that the reply before it is complete. */
const END = 'celeriac-end-of-reply'

/**
 * Sends one command on a connection of its own, words parted by blanks, and answers the reply as a flat list of
 * strings (nested arrays too, null as ''). An error reply is thrown. Needs no client library, so that a launcher
 * depends on nothing that is tested.
 */
export async function redisCommand(port: number, line: string): Promise<string[]> {
  const values = flatten(await exchange(port, `${line}\r\nPING ${END}\r\n`))
  values.pop()
  return values
}

function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(request))
    let reply = ''
    socket.setEncoding('utf8')
    socket.setTimeout(60_000, () => socket.destroy(new Error(`No reply within 60 s to ${request.trim()}`)))
    socket.on('data', (chunk: string) => {
      reply += chunk
      if (reply.endsWith(`${END}\r\n`) || /^-[^\n]*\n/.test(reply)) {
        socket.end()
        resolve(reply)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`The connection was closed before the reply: ${reply}`)))
  })
}

/** The values of RESP 2 text in order. Lengths are counted in characters: the replies read here are plain ASCII. */
function flatten(raw: string): string[] {
  const values: string[] = []
  let position = 0
  while (position < raw.length) {
    const end = raw.indexOf('\r\n', position)
    const kind = raw[position]
    const rest = raw.slice(position + 1, end)
    position = end + 2
    if (kind === '-') {
      throw new Error(`Redis replied: ${rest}`)
    }
    if (kind === '$') {
      const length = Number(rest)
      values.push(length < 0 ? '' : raw.slice(position, position + length))
      position += length < 0 ? 0 : length + 2
    } else if (kind !== '*') {
      values.push(rest)
    }
  }
  return values
}
