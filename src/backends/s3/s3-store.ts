import type { S3, S3ClientConfig } from '@aws-sdk/client-s3'
import { OperationalError } from '../../errors.ts'
import { awsRegion } from '../../util/aws-region.ts'
import { importOptional } from '../../util/modules.ts'
import type { KeyValueFeatures, KeyValueStore } from '../key-value.ts'
import type { S3Options } from './s3-options.ts'

/** Connects to S3. Rejects with `ImproperlyConfigured` when the AWS SDK is not installed. */
export async function openS3(options: S3Options): Promise<S3Store> {
  const { S3 } = await importOptional('@aws-sdk/client-s3', {
    neededFor: 'The result backend s3://',
    load: () => import('@aws-sdk/client-s3'),
  })
  const config = clientConfig(options)
  const finder = new S3(config)
  const region = await awsRegion(finder.config.region)
  finder.destroy()
  return new S3Store(new S3({ ...config, region }), options)
}

function clientConfig({ endpoint, region, credentials }: S3Options): S3ClientConfig {
  return {
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    // Stores other than Amazon's have seldom names of their own for buckets, or its newer checksums.
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
  }
}

/** One object for each key. S3 can neither count nor expire what a rule of the bucket does not, so nor can this. */
export class S3Store implements KeyValueStore {
  readonly features: KeyValueFeatures = { persistent: true, autoExpire: false, nativeJoin: false }
  readonly #s3: S3
  readonly #bucket: string
  readonly #basePath: string

  constructor(s3: S3, { bucket, basePath }: Pick<S3Options, 'bucket' | 'basePath'>) {
    this.#s3 = s3
    this.#bucket = bucket
    this.#basePath = basePath
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await this.#s3.getObject(this.#object(key))
      return await Body?.transformToByteArray()
    } catch (error) {
      if (isMissing(error)) return undefined
      throw this.#error(error)
    }
  }

  /** At once, over as many connections as the SDK allows. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    try {
      await this.#s3.putObject({ ...this.#object(key), Body: value })
    } catch (error) {
      throw this.#error(error)
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    try {
      await Promise.all(keys.map((key) => this.#s3.deleteObject(this.#object(key))))
    } catch (error) {
      throw this.#error(error)
    }
  }

  async close(): Promise<void> {
    this.#s3.destroy()
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#basePath + key }
  }

  #error(error: unknown): OperationalError {
    const reason = error instanceof Error ? error.message || error.name : String(error)
    return new OperationalError(`S3 bucket ${this.#bucket}: ${reason}`, { cause: error })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound')
}
