export type Options = import("./client.js").Options;
export type BoundOptions = Omit<Options, "storage">;
export type Kept = {
    key: CryptoKeyPair;
    /**
     * What client.js keeps.
     */
    text?: string;
};
/**
 * Make options for `createSession`: it keeps its token beside a key that cannot be exported, and
 * proves that it has the key wherever the server asks for that. Rejects without WebCrypto, which
 * needs https or localhost.
 * @param {BoundOptions} [options]
 * @returns {Promise<Options>}
 */
export declare function bound(options?: BoundOptions): Promise<Options>;
