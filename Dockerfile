# The image holds the program, the license texts of what is linked into it, and nothing else. `make
# image` builds it and says how; the build context is the directory that it made, with one static
# program and its texts for each architecture.
FROM scratch
ARG TARGETARCH
COPY --chmod=0755 userscope-${TARGETARCH} /userscope
COPY licenses-${TARGETARCH} /licenses
# By number: the kubelet takes no name for proof that a user is not root.
USER 65532:65532
ENTRYPOINT ["/userscope"]
