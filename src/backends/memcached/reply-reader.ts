/** One value as it is stored. */
export interface MemcachedItem {
  readonly key: string
  /** What the client that wrote it says of its form. */
  readonly flags: number
  readonly value: Uint8Array
}

/** The answer to one request: the line that ends it, and the items in front of it. */
export interface MemcachedReply {
  readonly line: string
  readonly items: readonly MemcachedItem[]
}

const END_OF_LINE = '\r\n'

/** Cuts what a server sends into replies. */
export class ReplyReader {
  #chunks: Buffer[] = []
  #length = 0
  /** So many bytes are needed before it is worth while to look. */
  #needed = 0
  #items: MemcachedItem[] = []

  /** The replies that are complete with this chunk. */
  read(chunk: Buffer): readonly MemcachedReply[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const bytes = Buffer.concat(this.#chunks)
    const replies: MemcachedReply[] = []
    let position = 0
    this.#needed = 0
    for (;;) {
      const end = bytes.indexOf(END_OF_LINE, position)
      if (end < 0) break
      const line = bytes.toString('utf8', position, end)
      const [word, key = '', flags, size] = line.split(' ')
      if (word !== 'VALUE') {
        replies.push({ line, items: this.#items })
        this.#items = []
        position = end + 2
        continue
      }
      const start = end + 2
      const next = start + Number(size) + 2
      if (bytes.length < next) {
        this.#needed = next - position
        break
      }
      this.#items.push({ key, flags: Number(flags), value: new Uint8Array(bytes.subarray(start, next - 2)) })
      position = next
    }
    this.#chunks = [bytes.subarray(position)]
    this.#length = bytes.length - position
    return replies
  }
}
