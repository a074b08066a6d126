import { Exchange } from '../../messaging/entity.ts'
import type { Channel } from '../../messaging/transport.ts'

/** Names of the exchanges that were declared on a channel. */
const declared = new WeakMap<Channel, Set<string>>()

/** Who asks has declared it; but publishing where there is no exchange closes the channel. Once per channel and name. */
export async function declareReplyExchange(name: string, channel: Channel): Promise<void> {
  let names = declared.get(channel)
  if (names === undefined) {
    names = new Set()
    declared.set(channel, names)
  }
  if (names.has(name)) return
  await new Exchange(name, { type: 'direct', durable: false }).declare(channel)
  names.add(name)
}
