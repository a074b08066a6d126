/** Connections to SQS: one for each account that queues belong to. The AWS SDK is loaded with the first. */
import type { SQS, SQSClientConfig } from '@aws-sdk/client-sqs'
import type { STS } from '@aws-sdk/client-sts'
import { ConnectionError } from '../../../errors.ts'
import { awsRegion } from '../../../util/aws-region.ts'
import { importOptional } from '../../../util/modules.ts'
import { sqsError } from './sqs-error.ts'
import type { SqsAccount, SqsOptions, SqsRole } from './sqs-options.ts'

/** As Celery calls its sessions. */
const ROLE_SESSION = 'Celery'

type ClientOptions = Pick<SqsOptions, 'endpoint' | 'http' | 'role'>

/** See the module's description. */
export class SqsClients {
  readonly #options: ClientOptions
  readonly #clients = new Map<string, Promise<SQS>>()

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Rejects with `ImproperlyConfigured` when the SDK is not installed. */
  of(account: SqsAccount): Promise<SQS> {
    const key = JSON.stringify([account.region, account.credentials?.accessKeyId])
    const known = this.#clients.get(key)
    if (known !== undefined) return known
    const client = openClient(account, this.#options)
    this.#clients.set(key, client)
    return client
  }

  async close(): Promise<void> {
    const clients = await Promise.allSettled(this.#clients.values())
    this.#clients.clear()
    for (const client of clients) if (client.status === 'fulfilled') client.value.destroy()
  }
}

async function openClient(account: SqsAccount, options: ClientOptions): Promise<SQS> {
  const { SQS } = await importOptional('@aws-sdk/client-sqs', {
    neededFor: 'The broker sqs://',
    load: () => import('@aws-sdk/client-sqs'),
  })
  const config = clientConfig(account, options)
  const client = new SQS(config)
  const region = await awsRegion(client.config.region)
  const { role } = options
  const credentials = role === undefined ? config.credentials : await assumed(role, { ...config, region })
  client.destroy()
  return new SQS({ ...config, region, ...(credentials === undefined ? {} : { credentials }) })
}

function clientConfig(
  { region, credentials }: SqsAccount,
  { endpoint, http }: ClientOptions,
): SQSClientConfig {
  const { connectTimeout, readTimeout, maxAttempts, maxConnections } = http
  const agent = { keepAlive: true, maxSockets: maxConnections }
  return {
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    // Addresses that a server of one's own gives its queues need not be those it is reached by.
    ...(endpoint === undefined ? {} : { endpoint, useQueueUrlAsEndpoint: false }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    requestHandler: {
      httpAgent: agent,
      httpsAgent: agent,
      ...(connectTimeout === undefined ? {} : { connectionTimeout: connectTimeout }),
      ...(readTimeout === undefined ? {} : { requestTimeout: readTimeout }),
    },
  }
}

type CredentialsProvider = Exclude<SQSClientConfig['credentials'], undefined>

/** Keys of a role, made anew by the SDK when they are about to expire. */
async function assumed(role: SqsRole, config: SQSClientConfig): Promise<CredentialsProvider> {
  const { STS } = await importOptional('@aws-sdk/client-sts', {
    neededFor: 'The option sts_role_arn of the broker sqs://',
    load: () => import('@aws-sdk/client-sts'),
  })
  const { region, credentials } = config
  const sts = new STS({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return () => assumeRole(sts, role)
}

async function assumeRole(
  sts: STS,
  { arn, lifetime, buffer }: SqsRole,
): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string; expiration: Date }> {
  const request = {
    RoleArn: arn,
    RoleSessionName: ROLE_SESSION,
    DurationSeconds: Math.round(lifetime / 1000),
  }
  const { Credentials: keys } = await sts.assumeRole(request).catch((error: unknown) => {
    throw sqsError(error, `assume the role ${arn}`)
  })
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = keys ?? {}
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) {
    throw new ConnectionError(`AWS gave no keys for the role ${arn}`)
  }
  const early = buffer < lifetime ? buffer : 0
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: new Date(Expiration.getTime() - early),
  }
}
