import { buildApp } from 'fauxqs'

export interface AwsServer {
  /** `http://127.0.0.1:port`: SQS and S3. */
  readonly endpoint: string
  /** `sqs://key:secret@127.0.0.1:port`. */
  readonly sqsUrl: string
  /** What is in a queue, by its name in SQS. */
  inspect(queue: string): Promise<AwsQueueContents>
}

export interface AwsQueueContents {
  readonly attributes: Readonly<Record<string, string>>
  readonly messages: {
    readonly ready: readonly unknown[]
    readonly delayed: readonly unknown[]
    readonly inflight: readonly { readonly visibilityDeadline: number }[]
  }
}

/** Starts an emulator of SQS and S3 in this process, on a free port of 127.0.0.1. `after` is told how to stop it. */
export async function startAws(after: (stop: () => Promise<void>) => void): Promise<AwsServer> {
  const app = buildApp({ logger: false, host: '127.0.0.1' })
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' })
  after(async () => {
    await app.close()
  })
  return {
    endpoint,
    sqsUrl: endpoint.replace('http://', 'sqs://key:secret@'),
    async inspect(queue) {
      const answer = await fetch(`${endpoint}/_fauxqs/queues/${queue}`)
      return (await answer.json()) as AwsQueueContents
    },
  }
}
