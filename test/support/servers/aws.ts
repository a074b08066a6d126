import { buildApp } from 'fauxqs'
import type { CleanupContext } from '../cleanup.ts'
import { onCleanup } from '../cleanup.ts'

export interface AwsServer {
  /** `http://127.0.0.1:port`: SQS and S3. */
  readonly endpoint: string
  /** `sqs://key:secret@127.0.0.1:port`. */
  readonly sqsUrl: string
  stop(): Promise<void>
}

/** Starts an emulator of SQS and S3 in this process, on a free port of 127.0.0.1. It ends with the test `t`, or the file (`{ after }`). */
export async function startAws(t: CleanupContext): Promise<AwsServer> {
  const app = buildApp({ logger: false, host: '127.0.0.1' })
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' })
  const stop = async (): Promise<void> => {
    await app.close()
  }
  onCleanup(t, stop, () => undefined)
  return { endpoint, sqsUrl: endpoint.replace('http://', 'sqs://key:secret@'), stop }
}
