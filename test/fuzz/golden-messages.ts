import { readFileSync } from 'node:fs'

/** A message that Celery really sent. */
export interface GoldenMessage {
  readonly headers: Readonly<Record<string, unknown>>
  /** AMQP properties by their wire names. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

interface GoldenFile {
  readonly entries: readonly {
    readonly messages?: readonly {
      readonly exchange: string
      readonly headers?: Record<string, unknown>
      readonly properties: Record<string, unknown>
      readonly body_b64: string
    }[]
  }[]
}

/** All task messages of the golden data, of both protocols and of every serializer and compression. */
export function goldenMessages(): GoldenMessage[] {
  return ['task-messages-v1', 'task-messages-v2', 'task-messages-worker'].flatMap((name) => {
    const url = new URL(`../wire/vectors/${name}.json`, import.meta.url)
    const { entries }: GoldenFile = JSON.parse(readFileSync(url, 'utf8'))
    return entries.flatMap(({ messages = [] }) =>
      messages
        .filter(({ exchange }) => exchange !== 'celeryev')
        .map(({ headers = {}, properties, body_b64: body }) => {
          return { headers, properties, body: Buffer.from(body, 'base64') }
        }),
    )
  })
}
