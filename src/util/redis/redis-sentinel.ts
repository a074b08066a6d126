/** Finding the master of a Sentinel set-up. redis-py: `Sentinel.discover_master`. */
import { ConnectionError } from '../../errors.ts'
import { connectTo } from './redis-connection.ts'
import type { RedisTarget, SentinelAddress } from './redis-target.ts'

/** Asks the sentinels one after the other. Rejects with `ConnectionError` when none of them knows a working master. */
export async function findMaster(
  address: SentinelAddress,
  target: Pick<RedisTarget, 'connectTimeout' | 'socketTimeout'>,
): Promise<{ readonly host: string; readonly port: number }> {
  const answers: string[] = []
  for (const { host, port } of address.sentinels) {
    try {
      const state = await masterState(address, { host, port }, target)
      const problem = problemOf(state, address)
      if (problem === undefined) return { host: state.get('ip') ?? '', port: Number(state.get('port')) }
      answers.push(`${host}:${port}: ${problem}`)
    } catch (error) {
      answers.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new ConnectionError(
    `No sentinel knows a working master called ${JSON.stringify(address.masterName)} (option master_name): ` +
      answers.join('; '),
  )
}

async function masterState(
  { masterName, username, password, tls }: SentinelAddress,
  address: { readonly host: string; readonly port: number },
  { connectTimeout, socketTimeout }: Pick<RedisTarget, 'connectTimeout' | 'socketTimeout'>,
): Promise<ReadonlyMap<string, string>> {
  const connection = await connectTo({
    address,
    database: 0,
    username,
    password,
    tls,
    connectTimeout,
    socketTimeout,
    keepAlive: undefined,
    label: `sentinel://${address.host}:${address.port}`,
  })
  try {
    return pairs(await connection.send('SENTINEL', 'MASTER', masterName))
  } finally {
    await connection.close()
  }
}

function problemOf(state: ReadonlyMap<string, string>, address: SentinelAddress): string | undefined {
  const flags = (state.get('flags') ?? '').split(',')
  if (!flags.includes('master')) return `it is ${flags.join(', ')}`
  if (flags.includes('s_down') || flags.includes('o_down')) return 'the master is down'
  const others = Number(state.get('num-other-sentinels'))
  if (others >= address.minOtherSentinels) return undefined
  return `this sentinel knows ${others} others, and min_other_sentinels is ${address.minOtherSentinels}`
}

function pairs(reply: unknown): ReadonlyMap<string, string> {
  const state = new Map<string, string>()
  if (!Array.isArray(reply)) return state
  for (let index = 0; index < reply.length; index += 2) {
    state.set(String(reply[index]), String(reply[index + 1]))
  }
  return state
}
