export type Store = {
    get: (name: string) => string | null | undefined;
    set: (name: string, text: string) => void;
    remove: (name: string) => void;
    /**
     * For
     * a store whose other methods work on a copy in memory: bring that and what is behind it in line.
     * Of two texts the newer one stays.
     */
    sync?: (isNewer: (one: unknown, other: unknown) => boolean) => Promise<unknown>;
};
export type Options = {
    /**
     * Where the endpoints are: "/auth/", or an absolute URL.
     */
    base?: string;
    /**
     * Where the tokens
     * are. With "cookie" the server keeps them in cookies, and the page keeps when they end.
     */
    storage?: "memory" | "session" | "local" | "cookie" | Store;
    /**
     * Sends the requests; always called with a `Request`.
     */
    fetch?: typeof globalThis.fetch;
    /**
     * Other origins to which the token is sent.
     */
    origins?: string[];
    /**
     * The server's `AUTH_HEADER_NAME`.
     */
    header?: string;
    /**
     * Under which tabs share the session. One for each `base` by default.
     */
    name?: string;
};
export type State = {
    status: "anonymous" | "active" | "ended";
    /**
     * Why it is over: "logout", the code of the server, or what `bound` adds.
     */
    reason: string | null;
    /**
     * When the token ends, in milliseconds of this device's clock.
     */
    expiresAt: number | null;
    /**
     * How often the session was refreshed.
     */
    generation: number;
};
export type Session = {
    /**
     * Rejects with a `SessionError`.
     */
    login: (credentials: object) => Promise<State>;
    /**
     * As `window.fetch`, with the token.
     */
    fetch: typeof globalThis.fetch;
    /**
     * Answers whether the server has heard of it.
     */
    logout: () => Promise<boolean>;
    state: () => State;
    /**
     * Returns what ends it.
     */
    subscribe: (listener: (state: State) => void) => () => void;
    /**
     * Ends timers and listeners; the session stays as it is.
     */
    dispose: () => void;
};
export type SessionError = Error & {
    status: number;
    code?: string;
    answer: Record<string, any>;
};
export type Held = {
    /**
     * Higher for each login.
     */
    login: number;
    /**
     * Of how many refreshes it is the outcome.
     */
    n: number;
    /**
     * Why the session is over.
     */
    end?: string;
    access?: string;
    refresh?: string;
    type?: string;
    /**
     * When the access token ends, in milliseconds of the server's clock.
     */
    expires: number;
    /**
     * How long it was to live when it was received, in milliseconds.
     */
    life: number;
    /**
     * How far the server's clock is ahead of this device's, in milliseconds.
     */
    skew: number;
};
export type Reply = {
    /**
     * 0 where none came.
     */
    status: number;
    answer: Record<string, any>;
    /**
     * When the request went out, in milliseconds of this device's clock.
     */
    sentAt: number;
    /**
     * When it was answered, by the server's clock; `NaN` where hidden.
     */
    date: number;
    /**
     * How long the server wants to be left alone, in milliseconds.
     */
    wait: number;
};
/**
 * Keep a session, refresh it ahead of its end, and share it with the other tabs.
 * @param {Options} [options]
 * @returns {Session}
 */
export declare function createSession(options?: Options): Session;
