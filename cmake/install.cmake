# cmake --install and a .deb by CPack.
